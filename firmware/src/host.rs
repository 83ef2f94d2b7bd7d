//! What the host says through semihosting: arguments of the form `key=value`, and paths.

use core::ffi::CStr;

use semihosting::experimental::env::args;

/// The longest path, in bytes.
const LONGEST: usize = 160;

/// A path, as the host wants it.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    bytes: [u8; LONGEST],
}

impl Path {
    /// `<folder>/<part><kind>`, cut when too long.
    pub fn join(folder: &str, part: &str, kind: &str) -> Self {
        Self::of([folder, "/", part, kind].into_iter().flat_map(str::bytes))
    }

    /// A path that is already whole.
    pub fn new(path: &str) -> Self {
        Self::of(path.bytes())
    }

    fn of(path: impl Iterator<Item = u8>) -> Self {
        let mut bytes = [0; LONGEST];
        for (to, byte) in bytes.iter_mut().take(LONGEST - 1).zip(path) {
            *to = byte;
        }
        Self { bytes }
    }
}

impl AsRef<CStr> for Path {
    fn as_ref(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }
}

/// Hands the value of the argument `key=value` over, or `None` where there is no host or no such argument.
#[inline(never)]
pub fn argument<R>(key: &str, work: impl FnOnce(Option<&str>) -> R) -> R {
    let arguments = args::<320>().ok();
    let value = arguments
        .as_ref()
        .and_then(|mut arguments| arguments.find_map(|argument| argument.ok()?.strip_prefix(key)?.strip_prefix('=')));
    work(value)
}
