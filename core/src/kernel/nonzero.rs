//! What a single sample gains from its zeros, and from tables whose length the compiler knows.

use core::ops::Range;

use crate::element::Element;
use crate::index::Index;
use crate::vector::Vector;

/// Rows that are looked at together.
pub(crate) const GROUP: usize = 4;

/// Calls `work` with each row that is not +0 in every lane, in order, and with the range of its connections among the
/// `len` of its matrix, counted from those of the first row.
#[inline(always)]
pub(crate) fn each_of<P: Index, X: Element, V: Vector, const K: usize, const LANES: usize>(
    indptr: &[P],
    groups: &[[X::Row<V, K, LANES>; GROUP]],
    len: usize,
    mut work: impl FnMut(Range<usize>, &X::Row<V, K, LANES>),
) {
    let base = indptr.first().map_or(0, |pointer| pointer.to_usize());
    for (group, rows) in groups.iter().enumerate() {
        if X::are_zero::<V, K, LANES>(rows) {
            continue;
        }
        let pointers = indptr.get(group * GROUP..).and_then(<[P]>::first_chunk::<{ GROUP + 1 }>);
        let Some(pointers) = pointers else { return };
        for ((row, start), end) in rows.iter().zip(pointers).zip(&pointers[1..]) {
            if !X::are_zero::<V, K, LANES>(core::slice::from_ref(row)) {
                // Bounds that are made to hold cost less than bounds that are checked.
                let end = end.to_usize().wrapping_sub(base).min(len);
                work(start.to_usize().wrapping_sub(base).min(end)..end, row);
            }
        }
    }
}

/// Where columns point to.
pub(crate) trait Table<T> {
    /// The element of a column, which is there.
    fn at<I: Index>(&self, col: I) -> Option<&T>;
}

/// As [`Table`], to write.
pub(crate) trait TableMut<T> {
    /// The element of a column, which is there.
    fn at_mut<I: Index>(&mut self, col: I) -> Option<&mut T>;
}

impl<T> Table<T> for [T] {
    #[inline(always)]
    fn at<I: Index>(&self, col: I) -> Option<&T> {
        self.get(col.to_usize())
    }
}

impl<T> TableMut<T> for [T] {
    #[inline(always)]
    fn at_mut<I: Index>(&mut self, col: I) -> Option<&mut T> {
        self.get_mut(col.to_usize())
    }
}

// A power of two: the remainder is a mask, or nothing where the column is a byte, and no place is checked.
impl<T, const N: usize> Table<T> for [T; N] {
    #[inline(always)]
    fn at<I: Index>(&self, col: I) -> Option<&T> {
        Some(&self[col.to_usize() % N])
    }
}

impl<T, const N: usize> TableMut<T> for [T; N] {
    #[inline(always)]
    fn at_mut<I: Index>(&mut self, col: I) -> Option<&mut T> {
        Some(&mut self[col.to_usize() % N])
    }
}

/// Calls `work` for pairs of a column and a value. Four at a time, written out: a compiler that spares flash would not.
#[inline(always)]
pub(crate) fn pairs<T>(cols: &[T], values: &[f32], mut work: impl FnMut(&T, f32)) {
    // As long as each other, so that one length is looked at.
    let len = cols.len().min(values.len());
    let (mut cols, mut values) = (cols.get(..len).unwrap_or_default(), values.get(..len).unwrap_or_default());
    while let (Some(([c0, c1, c2, c3], last_cols)), Some((&[v0, v1, v2, v3], last))) =
        (cols.split_first_chunk(), values.split_first_chunk())
    {
        work(c0, v0);
        work(c1, v1);
        work(c2, v2);
        work(c3, v3);
        (cols, values) = (last_cols, last);
    }
    for (col, &value) in cols.iter().zip(values) {
        work(col, value);
    }
}

/// As [`pairs`], putting the value that `work` returns in place.
#[inline(always)]
pub(crate) fn pairs_mut<T>(cols: &[T], values: &mut [f32], mut work: impl FnMut(&T, f32) -> f32) {
    let len = cols.len().min(values.len());
    let (mut cols, mut values) = (cols.get(..len).unwrap_or_default(), values.get_mut(..len).unwrap_or_default());
    while cols.len() >= 4
        && let Some(([c0, c1, c2, c3], last_cols)) = cols.split_first_chunk()
        && let Some((four, last)) = core::mem::take(&mut values).split_first_chunk_mut()
    {
        let [v0, v1, v2, v3] = *four;
        *four = [work(c0, v0), work(c1, v1), work(c2, v2), work(c3, v3)];
        (cols, values) = (last_cols, last);
    }
    for (col, value) in cols.iter().zip(values) {
        *value = work(col, *value);
    }
}
