//! What a single sample gains from its zeros, and from tables whose length the compiler knows.

use core::ops::Range;

use crate::element::Element;
use crate::index::Index;
use crate::vector::Vector;

/// Rows that are looked at together.
const GROUP: usize = 4;

/// Calls `work` with each row that is not +0 in every lane, and its place, in order.
#[inline(always)]
pub(crate) fn each<X: Element, V: Vector, const K: usize, const LANES: usize>(
    rows: &[X::Row<V, K, LANES>],
    mut work: impl FnMut(usize, &X::Row<V, K, LANES>),
) {
    for (group, rows) in rows.chunks(GROUP).enumerate() {
        if X::are_zero::<V, K, LANES>(rows) {
            continue;
        }
        for (i, row) in rows.iter().enumerate() {
            if !X::are_zero::<V, K, LANES>(core::slice::from_ref(row)) {
                work(group * GROUP + i, row);
            }
        }
    }
}

/// As [`each`], for the rows of a sparse matrix: `work` also gets where the row's connections are, counted from those
/// of the first row.
#[inline(always)]
pub(crate) fn each_of<P: Index, X: Element, V: Vector, const K: usize, const LANES: usize>(
    indptr: &[P],
    rows: &[X::Row<V, K, LANES>],
    mut work: impl FnMut(Range<usize>, &X::Row<V, K, LANES>),
) {
    let base = indptr.first().map_or(0, |pointer| pointer.to_usize());
    // As many starts and ends as rows, so that all three leave the same rest.
    let starts = indptr.split_last().map_or(&[][..], |(_, starts)| starts);
    let ends = indptr.get(1..).unwrap_or_default();
    let ((groups, rows), (starts, last_starts), (ends, last_ends)) =
        (rows.as_chunks::<GROUP>(), starts.as_chunks::<GROUP>(), ends.as_chunks::<GROUP>());
    let mut one = |row, start: P, end: P| {
        if !X::are_zero::<V, K, LANES>(core::slice::from_ref(row)) {
            work(start.to_usize().wrapping_sub(base)..end.to_usize().wrapping_sub(base), row);
        }
    };
    for ((group, starts), ends) in groups.iter().zip(starts).zip(ends) {
        if !X::are_zero::<V, K, LANES>(group) {
            let ([r0, r1, r2, r3], &[s0, s1, s2, s3], &[.., end]) = (group, starts, ends);
            for (row, start, end) in [(r0, s0, s1), (r1, s1, s2), (r2, s2, s3), (r3, s3, end)] {
                one(row, start, end);
            }
        }
    }
    for ((row, &start), &end) in rows.iter().zip(last_starts).zip(last_ends) {
        one(row, start, end);
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
    let ((cols, last_cols), (values, last)) = (cols.as_chunks::<4>(), values.as_chunks::<4>());
    for ([c0, c1, c2, c3], &[v0, v1, v2, v3]) in cols.iter().zip(values) {
        work(c0, v0);
        work(c1, v1);
        work(c2, v2);
        work(c3, v3);
    }
    for (col, &value) in last_cols.iter().zip(last) {
        work(col, value);
    }
}

/// As [`pairs`], putting the value that `work` returns in place.
#[inline(always)]
pub(crate) fn pairs_mut<T>(cols: &[T], values: &mut [f32], mut work: impl FnMut(&T, f32) -> f32) {
    let ((cols, last_cols), (values, last)) = (cols.as_chunks::<4>(), values.as_chunks_mut::<4>());
    for ([c0, c1, c2, c3], values) in cols.iter().zip(values) {
        let [v0, v1, v2, v3] = *values;
        *values = [work(c0, v0), work(c1, v1), work(c2, v2), work(c3, v3)];
    }
    for (col, value) in last_cols.iter().zip(last) {
        *value = work(col, *value);
    }
}
