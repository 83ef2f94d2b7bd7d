//! The columns of one row: which of them are free, and how one more is put in its place.

use crate::sparse::index::{Format, Index};

/// Whether rows are long enough for whole moves and counts without a guess to pay: those of a workstation's formats.
pub(crate) const fn has_long_rows<F: Format>() -> bool {
    F::LONG_ROWS
}

/// The free column of this rank in a row, and where it belongs among the row's columns.
#[inline(always)]
pub(crate) fn free_column<F: Format>(row: &[F::Index], rank: usize) -> (usize, usize) {
    let at = if has_long_rows::<F>() {
        // Columns less their place never fall along a row, so those before the free one come first: counting is enough.
        let (mut count, mut free) = (0u32, rank as u32);
        for taken in row {
            count += u32::from(taken.to_usize() as u32 <= free);
            free = free.wrapping_add(1);
        }
        count as usize
    } else {
        row.iter().zip(rank..).take_while(|(taken, free)| taken.to_usize() <= *free).count()
    };
    (rank + at, at)
}

/// Elements that are moved one by one: fewer than a call costs.
const SHORT: usize = 8;

/// Puts a value first and moves the rest up by one; what was last falls out.
#[inline(always)]
pub(crate) fn shift_in<F: Format, T: Copy>(slice: &mut [T], mut value: T) {
    if has_long_rows::<F>() && slice.len() > SHORT {
        let rest = slice.len() - 1;
        slice.copy_within(..rest, slice.len() - rest);
        if let Some(first) = slice.first_mut() {
            *first = value;
        }
    } else {
        for slot in slice {
            core::mem::swap(slot, &mut value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparse::index::{Narrow, Standard};

    #[test]
    fn ranks_count_free_columns_whatever_the_format() {
        for (row, rank, expected) in [
            (&[1][..], 0, (0, 0)),
            (&[1], 1, (2, 1)),
            (&[1], 2, (3, 1)),
            (&[0, 1, 3], 0, (2, 2)),
            (&[0, 1, 3], 1, (4, 3)),
        ] {
            let wide: std::vec::Vec<u16> = row.iter().map(|&col: &u8| col.into()).collect();
            assert_eq!(free_column::<Narrow>(row, rank), expected);
            assert_eq!(free_column::<Standard>(&wide, rank), expected);
        }
    }

    #[test]
    fn a_value_is_put_first_whatever_the_format() {
        for len in 0..4 {
            let (mut narrow, mut wide) = ([1, 2, 3, 4], [1, 2, 3, 4]);
            shift_in::<Narrow, _>(&mut narrow[..len], 9);
            shift_in::<Standard, _>(&mut wide[..len], 9);
            assert_eq!(narrow, wide);
            assert_eq!(narrow, [[1, 2, 3, 4], [9, 2, 3, 4], [9, 1, 3, 4], [9, 1, 2, 4]][len]);
        }
    }
}
