//! Kernels for single samples: they skip inputs that are zero, and use tables whose length is a constant.

use core::ops::Range;

use crate::backend::vector::Vector;
use crate::samples::element::Element;
use crate::sparse::index::Index;

/// Rows that are looked at together.
const GROUP: usize = 8;

/// Calls `each` with whole groups of rows and the pointers to their connections, and then with the rows that are left and rows
/// of zeros, if there are some.
#[inline(always)]
pub(crate) fn in_groups<P: Index, X: Element, const LANES: usize>(
    indptr: &[P],
    rows: &[[X; LANES]],
    mut each: impl FnMut(&[P], &[[X; LANES]]),
) {
    let (groups, rest) = rows.as_chunks::<GROUP>();
    let groups = groups.as_flattened();
    if !groups.is_empty() {
        each(indptr, groups);
    }
    if !rest.is_empty() {
        last_group(indptr.get(groups.len()..).unwrap_or_default(), rest, each);
    }
}

/// Less than a group, filled up. A function of its own: other calls need no stack for it.
#[inline(never)]
fn last_group<P: Index, X: Element, const LANES: usize>(
    indptr: &[P],
    rows: &[[X; LANES]],
    mut each: impl FnMut(&[P], &[[X; LANES]]),
) {
    let (mut group, mut pointers) = ([[X::default(); LANES]; GROUP], [P::wrapping_from(0); GROUP + 1]);
    group.iter_mut().zip(rows).for_each(|(to, row)| *to = *row);
    pointers.iter_mut().zip(indptr).for_each(|(to, pointer)| *to = *pointer);
    each(&pointers, &group);
}

/// Calls `work` with each row that is not +0 in every lane, in order, and with the range of its connections among
/// `len`, counted from `base`.
#[inline(always)]
pub(crate) fn each_of<P: Index, X: Element, V: Vector, const K: usize, const LANES: usize>(
    indptr: &[P],
    base: usize,
    groups: &[[X::Row<V, K, LANES>; GROUP]],
    len: usize,
    mut work: impl FnMut(Range<usize>, &X::Row<V, K, LANES>),
) {
    let (starts, _) = indptr.as_chunks::<GROUP>();
    let Some((_, ends)) = indptr.split_first() else { return };
    let (ends, _) = ends.as_chunks::<GROUP>();
    for ((rows, starts), ends) in groups.iter().zip(starts).zip(ends) {
        if X::are_zero::<V, K, LANES>(rows) {
            continue;
        }
        let first = rows.first_chunk().map_or(0, X::leading_zeros::<V, K, LANES>);
        for i in first..GROUP {
            let (row, start, end) = (&rows[i], &starts[i], &ends[i]);
            if !X::are_zero::<V, K, LANES>(core::slice::from_ref(row)) {
                let (start, end) = (start.to_usize().wrapping_sub(base), end.to_usize().wrapping_sub(base));
                if start <= end && end <= len {
                    work(start..end, row);
                }
            }
        }
    }
}

/// Where columns point to.
pub(crate) trait Table<T> {
    /// The element of a column, which is there.
    fn at(&self, col: usize) -> Option<&T>;
}

/// As [`Table`], to write.
pub(crate) trait TableMut<T> {
    /// The element of a column, which is there.
    fn at_mut(&mut self, col: usize) -> Option<&mut T>;
}

impl<T> Table<T> for [T] {
    #[inline(always)]
    fn at(&self, col: usize) -> Option<&T> {
        self.get(col)
    }
}

impl<T> TableMut<T> for [T] {
    #[inline(always)]
    fn at_mut(&mut self, col: usize) -> Option<&mut T> {
        self.get_mut(col)
    }
}

// A power of two: the remainder is a mask, or nothing where the column is a byte, and no place is checked.
impl<T, const N: usize> Table<T> for [T; N] {
    #[inline(always)]
    fn at(&self, col: usize) -> Option<&T> {
        Some(&self[col % N])
    }
}

impl<T, const N: usize> TableMut<T> for [T; N] {
    #[inline(always)]
    fn at_mut(&mut self, col: usize) -> Option<&mut T> {
        Some(&mut self[col % N])
    }
}

/// Calls `work` for pairs of an item and a value. Eight at a time, written out: a compiler that spares flash would not.
#[inline(always)]
pub(crate) fn pairs<T>(items: &[T], values: &[f32], mut work: impl FnMut(&T, f32)) {
    let (item_groups, items) = items.as_chunks();
    let (value_groups, values) = values.as_chunks();
    for ([i0, i1, i2, i3, i4, i5, i6, i7], &[v0, v1, v2, v3, v4, v5, v6, v7]) in item_groups.iter().zip(value_groups) {
        work(i0, v0);
        work(i1, v1);
        work(i2, v2);
        work(i3, v3);
        work(i4, v4);
        work(i5, v5);
        work(i6, v6);
        work(i7, v7);
    }
    for (item, &value) in items.iter().zip(values) {
        work(item, value);
    }
}

/// As [`pairs`], with columns, four at a time.
#[inline(always)]
pub(crate) fn columns<I: Index>(cols: &[I], values: &[f32], mut work: impl FnMut(usize, f32)) {
    let (mut cols, mut values) = alike(cols, values);
    while cols.len() >= 4
        && let (Some((four, last_cols)), Some((&[v0, v1, v2, v3], last))) =
            (cols.split_first_chunk(), values.split_first_chunk())
    {
        let [c0, c1, c2, c3] = I::to_usizes(four);
        work(c0, v0);
        work(c1, v1);
        work(c2, v2);
        work(c3, v3);
        (cols, values) = (last_cols, last);
    }
    for (col, &value) in cols.iter().zip(values) {
        work(col.to_usize(), value);
    }
}

/// As [`pairs`], putting the value that `work` returns in place, four at a time.
#[inline(always)]
pub(crate) fn pairs_mut<T>(items: &[T], values: &mut [f32], mut work: impl FnMut(&T, f32) -> f32) {
    let len = items.len().min(values.len());
    let (mut items, mut values) = (items.get(..len).unwrap_or_default(), values.get_mut(..len).unwrap_or_default());
    while items.len() >= 4
        && let Some(([i0, i1, i2, i3], last_items)) = items.split_first_chunk()
        && let Some((four, last)) = core::mem::take(&mut values).split_first_chunk_mut()
    {
        let [v0, v1, v2, v3] = *four;
        *four = [work(i0, v0), work(i1, v1), work(i2, v2), work(i3, v3)];
        (items, values) = (last_items, last);
    }
    for (item, value) in items.iter().zip(values) {
        *value = work(item, *value);
    }
}

/// As [`columns`], with values that `work` may change.
#[inline(always)]
pub(crate) fn columns_mut<I: Index>(cols: &[I], values: &mut [f32], mut work: impl FnMut(usize, &mut f32)) {
    let len = cols.len().min(values.len());
    let (mut cols, mut values) = (cols.get(..len).unwrap_or_default(), values.get_mut(..len).unwrap_or_default());
    while cols.len() >= 4
        && let Some((four, last_cols)) = cols.split_first_chunk()
        && let Some(([v0, v1, v2, v3], last)) = core::mem::take(&mut values).split_first_chunk_mut()
    {
        // Taken apart where each is used, which saves an instruction.
        let four = *four;
        work(I::to_usizes(&four)[0], v0);
        work(I::to_usizes(&four)[1], v1);
        work(I::to_usizes(&four)[2], v2);
        work(I::to_usizes(&four)[3], v3);
        (cols, values) = (last_cols, last);
    }
    for (col, value) in cols.iter().zip(values) {
        work(col.to_usize(), value);
    }
}

/// Both as long as each other, so that one length is looked at.
#[inline(always)]
pub(crate) fn alike<'a, A, B>(a: &'a [A], b: &'a [B]) -> (&'a [A], &'a [B]) {
    let len = a.len().min(b.len());
    (a.get(..len).unwrap_or_default(), b.get(..len).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::vector::One;

    #[test]
    fn each_row_that_is_not_zero_is_visited_once_in_order_with_its_connections() {
        // Row `i` has `i % 3` connections.
        let lengths = (0..20u16).map(|row| row % 3);
        let indptr: std::vec::Vec<u16> = core::iter::once(7)
            .chain(lengths.scan(7, |end, len| {
                *end += len;
                Some(*end)
            }))
            .collect();
        // Every pattern of zeros in a group, beside groups that are zero, are not, and are not whole.
        for pattern in 0..256u32 {
            let rows: std::vec::Vec<[u8; 1]> = (0..20u32)
                .map(|row| {
                    [u8::from(match row {
                        0..8 => pattern >> row & 1 == 1,
                        8..16 => pattern & 1 == 1,
                        _ => row % 2 == pattern % 2,
                    }) * 128]
                })
                .collect();
            let mut visited = std::vec::Vec::new();
            in_groups::<u16, u8, 1>(&indptr, &rows, |indptr, rows| {
                let groups = <u8 as Element>::rows::<One, 1, 1>(rows).as_chunks().0;
                each_of::<u16, u8, One, 1, 1>(indptr, 7, groups, 19, |range, row| visited.push((range, *row)));
            });
            let expected = (0..20usize).filter(|&row| rows[row] != [0]);
            let expected: std::vec::Vec<_> = expected
                .map(|row| (usize::from(indptr[row]) - 7..usize::from(indptr[row + 1]) - 7, rows[row]))
                .collect();
            assert_eq!(visited, expected, "{pattern:08b}");
        }
    }
}
