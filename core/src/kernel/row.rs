//! Sums over the lanes of a row whose order does not depend on the vectors.

/// Sums of a row run in as many parts as the widest vectors have lanes, whatever the vectors.
pub(crate) const PARTS: usize = 16;

/// The sum of the parts, halving.
#[inline(always)]
pub(crate) fn fold(mut parts: [f32; PARTS]) -> f32 {
    let mut len = PARTS;
    while len > 1 {
        len /= 2;
        let (front, back) = parts.split_at_mut(len);
        for (front, &back) in front.iter_mut().zip(&*back) {
            *front += back;
        }
    }
    parts[0]
}
