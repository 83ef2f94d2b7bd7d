//! Parts of a matrix that are small enough to be unpacked in the nearest cache.

use core::ops::Range;

use crate::sparse::index::Index;

/// Connections of a part, at most.
pub(crate) const CHUNK: usize = 1 << 10;

/// Calls `work` with rows, places of their connections, and pointers that delimit them, for parts of a block that each have at
/// most [`CHUNK`] connections.
#[inline(always)]
pub(crate) fn each_chunk(pointers: &[u16], mut work: impl FnMut(Range<usize>, Range<usize>, &[u16])) {
    let Some((_, ends)) = pointers.split_first() else { return };
    let (mut row, mut at) = (0, 0);
    while let (Some(start), Some(end)) = (pointers.get(row), ends.get(row)) {
        let (start, end) = (start.to_usize(), end.to_usize());
        if at == start && end - at <= CHUNK {
            // No more rows than that: pointers further on are not in a cache yet.
            let rest = ends.get(row..).unwrap_or_default();
            let rest = rest.get(..CHUNK).unwrap_or(rest);
            let rows = rest.partition_point(|end| end.to_usize() <= at + CHUNK);
            let next = ends.get(row + rows - 1).map_or(at, |end| end.to_usize());
            work(row..row + rows, at..next, pointers.get(row..=row + rows).unwrap_or_default());
            (row, at) = (row + rows, next);
        } else {
            // Part of a row that is longer.
            let next = end.min(at + CHUNK);
            work(row..row + 1, at..next, &[at, next].map(u16::wrapping_from));
            (row, at) = (row + usize::from(next == end), next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_have_each_connection_once_with_its_row() {
        let lengths = [3, 0, 1024, 1, 1023, 1025, 0, 5000, 2, 0, 0];
        let mut pointers = std::vec![0u16];
        for len in lengths {
            pointers.push(pointers[pointers.len() - 1] + len);
        }
        let mut found = std::vec![0u16; lengths.len()];
        let mut next = 0;
        each_chunk(&pointers, |rows, places, indptr| {
            assert!(places.len() <= CHUNK && places.start == next);
            assert_eq!(indptr.len(), rows.len() + 1);
            assert_eq!([indptr[0], indptr[rows.len()]].map(usize::from), [places.start, places.end]);
            for (row, ends) in rows.zip(indptr.windows(2)) {
                found[row] += ends[1] - ends[0];
            }
            next = places.end;
        });
        assert_eq!(found, lengths);
    }
}
