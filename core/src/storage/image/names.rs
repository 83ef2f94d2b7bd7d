//! Names of inputs and outputs in an image: of each its length in two bytes, then its UTF-8.

/// Names in order, as the caller has them or as they lie in an image.
///
/// ```
/// use rewire_core::storage::image::Names;
///
/// const CLASSES: Names = Names::of(&["standing", "walking"]);
/// assert_eq!((CLASSES.len(), CLASSES.get(1), CLASSES.get(2)), (2, Some("walking"), None));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Names<'a>(Kept<'a>);

#[derive(Clone, Copy, Debug)]
enum Kept<'a> {
    List(&'a [&'a str]),
    /// As an image has them, and how many they are.
    Image(&'a [u8], usize),
}

impl<'a> Names<'a> {
    /// No names.
    pub const NONE: Self = Self::of(&[]);

    /// These names.
    pub const fn of(names: &'a [&'a str]) -> Self {
        Self(Kept::List(names))
    }

    /// `count` names of an image, if each is there and valid UTF-8, and nothing follows but padding. No bytes are no
    /// names.
    pub(crate) fn in_image(bytes: &'a [u8], count: usize) -> Option<Self> {
        let count = if bytes.is_empty() { 0 } else { count };
        let mut rest = bytes;
        for _ in 0..count {
            (_, rest) = first(rest)?;
        }
        let is_padding = rest.len() < 4 && rest.iter().all(|&byte| byte == 0);
        is_padding.then_some(Self(Kept::Image(bytes, count)))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The name at a place, counted from 0; those before are passed over one by one.
    pub fn get(&self, at: usize) -> Option<&'a str> {
        self.iter().nth(at)
    }

    /// All of them, first to last.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let (list, mut rest, count): (&[&str], &[u8], usize) = match self.0 {
            Kept::List(list) => (list, &[], 0),
            Kept::Image(bytes, count) => (&[], bytes, count),
        };
        let stored = core::iter::from_fn(move || {
            let (name, after) = first(rest)?;
            rest = after;
            Some(name)
        });
        list.iter().copied().chain(stored.take(count))
    }

    /// Bytes that they take in an image, padding included.
    pub(crate) fn bytes(&self) -> usize {
        let sum = self.iter().fold(0, |sum: usize, name| sum.saturating_add(2).saturating_add(name.len()));
        sum.saturating_add(3) / 4 * 4
    }

    /// Whether each has a length that two bytes hold.
    pub(crate) fn are_short(&self) -> bool {
        self.iter().all(|name| u16::try_from(name.len()).is_ok())
    }

    /// Hands them to `put` as an image has them, padding included.
    pub(crate) fn write<E>(&self, put: &mut (impl FnMut(&[u8]) -> Result<(), E> + ?Sized)) -> Result<(), E> {
        let mut len = 0;
        for name in self.iter() {
            put(&(name.len() as u16).to_le_bytes())?;
            put(name.as_bytes())?;
            len += 2 + name.len();
        }
        put([0; 4].get(..len.wrapping_neg() % 4).unwrap_or_default())
    }
}

impl PartialEq for Names<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// The first name, and what follows it.
fn first(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (&len, rest) = bytes.split_first_chunk()?;
    let (name, after) = rest.split_at_checked(usize::from(u16::from_le_bytes(len)))?;
    Some((core::str::from_utf8(name).ok()?, after))
}
