//! Prunes the weights of smallest magnitude.

use core::ops::Range;

use crate::sparse::csr::{CsrMut, CsrRef, copy_within};
use crate::sparse::index::{Format, Index};

/// Counters of a digit in the selection, for each sign: few where the stack is small, and otherwise as many as leave three
/// digits to a magnitude.
pub(crate) const FEW_DIGITS: usize = 1 << 6;
const MANY_DIGITS: usize = 1 << 11;

/// Which weights of one sign are pruned: magnitudes below the threshold, and the first few that equal it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Bits of the magnitude; positive floats order as their bits do.
    pub(crate) threshold: u32,
    /// How many are pruned whose magnitude equals the threshold.
    ties: u32,
    /// Sum of both kinds.
    total: u32,
}

/// Prunes the fraction `zeta` of the positive weights and of the negative weights, those of smallest magnitude; returns
/// how many were pruned.
///
/// Both numbers are rounded down. The sign bit decides, so a weight of +0 counts as positive and is pruned first. Of
/// equal magnitudes, those that come first in CSR order are pruned. Survivors keep weight and velocity, and move to the
/// front: the last row pointer then says how many there are.
///
/// Source: Mocanu et al. 2018, algorithm 1, doi 10.1038/s41467-018-04316-3.
pub(crate) fn prune_magnitude<F: Format>(matrix: &mut CsrMut<'_, F>, zeta: f32) -> usize {
    let nnz = matrix.nnz();
    let cuts = select_for::<F>(matrix.values.get(..nnz).unwrap_or_default(), zeta);
    let removed = count(&cuts);
    if removed > 0 {
        let rows = 0..matrix.indptr.len();
        compact(matrix, &mut Compaction::new(cuts), rows);
    }
    removed
}

/// How many weights of both signs are pruned.
fn count(cuts: &[Cut; 2]) -> usize {
    cuts.iter().map(|cut| cut.total as usize).sum()
}

/// How far the survivors have moved to the front.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compaction {
    cuts: [Cut; 2],
    /// The next connection that is looked at.
    read: usize,
    /// Where the next survivor goes.
    write: usize,
}

impl Compaction {
    pub(crate) fn new(cuts: [Cut; 2]) -> Self {
        Self { cuts, read: 0, write: 0 }
    }

    /// Connections that were looked at: those before the row that comes next.
    pub(crate) fn read(&self) -> usize {
        self.read
    }
}

/// Moves the survivors of the rows that end at these row pointers to the front, next to those before them.
#[inline(always)]
pub(crate) fn compact<F: Format>(matrix: &mut CsrMut<'_, F>, at: &mut Compaction, pointers: Range<usize>) {
    let Compaction { mut cuts, read, write } = *at;
    let (read, write) = keep(matrix, (read, write), pointers, |_, _, value| !goes(&mut cuts, value));
    *at = Compaction { cuts, read, write };
}

/// Moves the connections of some rows for which `stays`, of row, column and value, holds to the front. `pointers` end those
/// rows; the next connection is the one at `read`, and the next that stays goes to `write`. Returns both.
#[inline(always)]
pub(crate) fn keep<F: Format>(
    matrix: &mut CsrMut<'_, F>,
    (mut read, mut write): (usize, usize),
    pointers: Range<usize>,
    mut stays: impl FnMut(usize, usize, f32) -> bool,
) -> (usize, usize) {
    let first = pointers.start;
    for (at, pointer) in (first..).zip(matrix.indptr.get_mut(pointers).unwrap_or_default()) {
        // Each pointer ends the row before it; the first one ends nothing.
        let end = pointer.to_usize();
        while read < end {
            let value = matrix.values.get(read).copied().unwrap_or_default();
            let col = matrix.indices.get(read).map_or(0, |col| col.to_usize());
            let stays = stays(at.saturating_sub(1), col, value);
            // Written in any case, and overwritten by the next that stays: nothing to guess for the processor.
            copy_within(matrix.indices, read, write);
            copy_within(matrix.values, read, write);
            copy_within(matrix.velocity, read, write);
            write += usize::from(stays);
            read += 1;
        }
        *pointer = F::Pointer::wrapping_from(write);
    }
    (read, write)
}

/// Calls `each` with row and column of every connection that pruning by magnitude would leave.
pub fn survivors<F: Format>(matrix: CsrRef<'_, F>, zeta: f32, mut each: impl FnMut(usize, usize)) {
    let mut cuts = select_for::<F>(matrix.values(), zeta);
    for (row, (cols, values)) in matrix.rows().enumerate() {
        for (col, &value) in cols.iter().zip(values) {
            if !goes(&mut cuts, value) {
                each(row, col.to_usize());
            }
        }
    }
}

/// Sign (0 positive, 1 negative) and magnitude bits.
#[inline(always)]
fn parts(value: f32) -> (usize, u32) {
    let bits = value.to_bits();
    ((bits >> 31) as usize, bits & 0x7FFF_FFFF)
}

/// Whether a weight is pruned; counts down the ties.
#[inline(always)]
fn goes(cuts: &mut [Cut; 2], value: f32) -> bool {
    let (sign, magnitude) = parts(value);
    let Some(cut) = cuts.get_mut(sign & 1) else { return false };
    if magnitude == cut.threshold && cut.ties > 0 {
        cut.ties -= 1;
        return true;
    }
    cut.total > 0 && magnitude < cut.threshold
}

/// The fraction `zeta`, at most 1, of a count, rounded down.
///
/// In single precision as far as that has every count, so that a third of a round number is what people expect; beyond
/// it, of the fraction as it is stored, to the last connection.
pub(crate) fn share(count: u32, zeta: f32) -> u32 {
    if count < 1 << f32::MANTISSA_DIGITS {
        return ((count as f32 * zeta) as u32).min(count);
    }
    // The fraction is a whole number of 24 bits, times a power of two. In integers: not every chip has doubles.
    let bits = zeta.to_bits();
    let (exponent, digits) = (bits >> (f32::MANTISSA_DIGITS - 1), bits & ((1 << (f32::MANTISSA_DIGITS - 1)) - 1));
    let digits = u64::from(digits | 1 << (f32::MANTISSA_DIGITS - 1));
    // A fraction so small that its digits begin with zeros leaves nothing of any count.
    (u64::from(count) * digits).checked_shr(150u32.saturating_sub(exponent)).unwrap_or(0) as u32
}

/// [`select`] with as many counters as suit the machine of a format.
fn select_for<F: Format>(values: &[f32], zeta: f32) -> [Cut; 2] {
    select_by::<F>(values, |counts| counts.map(|count| share(count, zeta)))
}

/// The same for as many weights of each sign as `take` makes of their counts.
pub(crate) fn select_by<F: Format>(values: &[f32], take: impl Fn([u32; 2]) -> [u32; 2]) -> [Cut; 2] {
    if size_of::<F::Pointer>() > 2 { select::<MANY_DIGITS>(values, take) } else { select::<FEW_DIGITS>(values, take) }
}

/// Finds both thresholds by counting digits of the magnitude, highest first: a radix selection.
// Not inlined: its histogram would take stack from whoever trains between evolutions.
#[inline(never)]
fn select<const DIGITS: usize>(values: &[f32], take: impl Fn([u32; 2]) -> [u32; 2]) -> [Cut; 2] {
    let mut selection = Selection::<DIGITS>::new();
    loop {
        selection.count(values);
        if let Some(cuts) = selection.close(&take) {
            return cuts;
        }
    }
}

/// A selection, with `DIGITS` counters of a digit for each sign.
#[derive(Debug)]
pub(crate) struct Selection<const DIGITS: usize> {
    cuts: [Cut; 2],
    /// Bits of the thresholds that are not known yet.
    shift: u32,
    histogram: [[u32; DIGITS]; 2],
}

impl<const DIGITS: usize> Selection<DIGITS> {
    const BITS: u32 = 31;

    /// Counters that [`Selection::close`] visits.
    pub(crate) const CLOSING: usize = 2 * DIGITS;

    /// Before the first digit.
    // Inlined: its counters would be on the stack twice.
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { cuts: [Cut::default(); 2], shift: Self::BITS, histogram: [[0; DIGITS]; 2] }
    }

    /// Bits of the digit that is counted.
    fn bits(&self) -> u32 {
        DIGITS.trailing_zeros().min(self.shift)
    }

    /// Counts the next digit of those of some weights that can still be the threshold.
    #[inline(always)]
    pub(crate) fn count(&mut self, values: &[f32]) {
        let (above, low, digits) = (self.shift, self.shift - self.bits(), (1 << self.bits()) - 1);
        let histogram = self.histogram.as_flattened_mut();
        let mut count = |value: u32| {
            let digit = (value >> low) as usize & (DIGITS - 1) & digits;
            if let Some(count) = histogram.get_mut((value >> 31) as usize * DIGITS + digit) {
                *count += 1;
            }
        };
        let values = values.iter().map(|value| value.to_bits());
        if above == Self::BITS {
            values.for_each(count);
        } else {
            // Of each sign, the weights that share the digits so far.
            let [positive, negative] = self.cuts;
            let (positive, negative) = (positive.threshold >> above, (1 << 31 | negative.threshold) >> above);
            for value in values {
                let digits = value >> above;
                if digits == positive || digits == negative {
                    count(value);
                }
            }
        }
    }

    /// Takes the digit's counts over all weights into account; returns what is to go once all digits are known: of each
    /// sign as many as `take` makes of their counts.
    #[inline(always)]
    pub(crate) fn close(&mut self, take: impl Fn([u32; 2]) -> [u32; 2]) -> Option<[Cut; 2]> {
        if self.shift == Self::BITS {
            let [positive, negative] = &self.histogram;
            let totals = take([positive.iter().sum(), negative.iter().sum()]);
            for (cut, total) in self.cuts.iter_mut().zip(totals) {
                (cut.total, cut.ties) = (total, total);
            }
        }
        self.shift -= self.bits();
        for (cut, histogram) in self.cuts.iter_mut().zip(&mut self.histogram) {
            // `ties` is how many of the weights that share the digits so far must go.
            for (digit, &count) in (0u32..).zip(&*histogram) {
                if cut.ties <= count {
                    cut.threshold |= digit << self.shift;
                    break;
                }
                cut.ties -= count;
            }
            *histogram = [0; DIGITS];
        }
        (self.shift == 0).then_some(self.cuts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Generator, Purpose};
    use crate::sparse::index::Narrow;

    #[test]
    fn few_and_many_digits_choose_the_weights_that_sorting_chooses() {
        let mut generator = Generator::new(1, Purpose::Weights, 0, 0, 0);
        for len in [0, 1, 2, 7, 100, 1000] {
            // A third of the magnitudes come several times.
            let mut value = || {
                let value = generator.symmetric(1.0);
                if generator.below(3) == 0 { f32::from((value * 8.0) as i8) / 8.0 } else { value * value * value }
            };
            let values: std::vec::Vec<f32> = (0..len).map(|_| value()).collect();
            for zeta in [0.0, 0.1, 0.5, 0.999] {
                let few = select::<FEW_DIGITS>(&values, |counts| counts.map(|count| share(count, zeta)));
                assert_eq!(few, select::<MANY_DIGITS>(&values, |counts| counts.map(|count| share(count, zeta))));
                for (sign, cut) in few.into_iter().enumerate() {
                    let of_sign = values.iter().map(|&value| parts(value)).filter(|part| part.0 == sign);
                    let mut sorted: std::vec::Vec<u32> = of_sign.map(|part| part.1).collect();
                    sorted.sort_unstable();
                    let total = (sorted.len() as f32 * zeta) as usize;
                    assert_eq!(cut.total as usize, total);
                    let below = sorted.iter().filter(|&&magnitude| magnitude < cut.threshold).count();
                    assert_eq!(below * usize::from(total > 0) + cut.ties as usize, total);
                }
            }
        }
    }

    fn prune(values: &[f32], zeta: f32) -> (std::vec::Vec<f32>, std::vec::Vec<u8>, usize) {
        let mut values = values.to_vec();
        let mut velocity: std::vec::Vec<f32> = (0..values.len()).map(|i| i as f32).collect();
        let mut indices: std::vec::Vec<u8> = (0..values.len() as u8).collect();
        let mut indptr = [0, values.len() as u16];
        let mut matrix = CsrMut::<Narrow> {
            ncols: values.len(),
            indptr: &mut indptr,
            indices: &mut indices,
            values: &mut values,
            velocity: &mut velocity,
        };
        let removed = prune_magnitude(&mut matrix, zeta);
        let left = matrix.nnz();
        for (velocity, index) in matrix.velocity().iter().zip(matrix.as_ref().indices()) {
            assert_eq!(*velocity, f32::from(*index), "a velocity moves with its connection");
        }
        (values[..left].to_vec(), indices[..left].to_vec(), removed)
    }

    #[test]
    fn both_signs_lose_their_share_nearest_zero() {
        let (values, indices, removed) = prune(&[0.5, -0.1, 0.1, -0.9, 0.3, 0.7, -0.2, -0.4], 0.25);
        assert_eq!((values, removed), (std::vec![0.5, -0.9, 0.3, 0.7, -0.2, -0.4], 2));
        assert_eq!(indices, [0, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn survivors_are_those_that_pruning_leaves() {
        let values = [0.5, -0.1, 0.1, -0.9, 0.3, 0.7, -0.2, -0.4, 0.1, 0.5];
        for zeta in [0.0, 0.25, 0.5, 0.9] {
            let indices: std::vec::Vec<u8> = (0..values.len() as u8).collect();
            let indptr = [0, values.len() as u16];
            let matrix = CsrRef::<Narrow>::new(values.len(), &indptr, &indices, &values).unwrap();
            let mut left = std::vec::Vec::new();
            survivors(matrix, zeta, |row, col| left.push((row, col as u8)));
            assert!(left.iter().map(|&(_, col)| col).eq(prune(&values, zeta).1), "{zeta}");
            assert!(left.iter().all(|&(row, _)| row == 0));
        }
    }

    #[test]
    fn zeta_zero_changes_nothing() {
        let values = [0.0, -0.0, 1e-40, -3.0];
        assert_eq!(prune(&values, 0.0).2, 0);
    }

    #[test]
    fn ties_go_in_order_and_no_more_than_the_share() {
        assert_eq!(prune(&[0.5; 10], 0.3).1, [3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn zeros_go_first() {
        assert_eq!(prune(&[0.5, 0.0, 1e-30, 0.4], 0.5).1, [0, 3]);
    }

    #[test]
    fn shares_that_are_not_binary_round_as_people_expect() {
        for (zeta, expected) in [(0.1, 1), (0.2, 2), (0.3, 3), (0.6, 6), (0.7, 7), (0.9, 9)] {
            assert_eq!(prune(&[1.0; 10], zeta).2, expected, "{zeta}");
        }
    }

    #[test]
    fn the_share_of_a_count_that_single_precision_rounds_is_exact() {
        assert_eq!(share(10, 0.3), 3);
        assert_eq!(share((1 << 24) + 1, 0.5), 1 << 23);
        // In single precision, 33,554,431 and 33,554,435 are 33,554,432 and 33,554,436: half of them is one too many.
        assert_eq!([share(33_554_431, 0.5), share(33_554_435, 0.5)], [16_777_215, 16_777_217]);
        assert_eq!(share(u32::MAX, 0.999_999_94), 4_294_967_039);
    }

    #[test]
    fn the_selection_agrees_with_a_sort() {
        let mut generator = crate::random::Generator::new(1, crate::random::Purpose::Weights, 0, 0, 0);
        for round in 0..50u16 {
            // Coarse values make ties.
            let values: std::vec::Vec<f32> =
                (0..200).map(|_| (generator.symmetric(8.0) * f32::from(round + 1)) as i32 as f32 / 4.0).collect();
            let mut expected: std::vec::Vec<f32> = std::vec::Vec::new();
            for negative in [false, true] {
                let mut side: std::vec::Vec<f32> =
                    values.iter().copied().filter(|v| v.is_sign_negative() == negative).collect();
                side.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
                expected.extend(&side[(side.len() as f32 * 0.3) as usize..]);
            }
            let mut left = prune(&values, 0.3).0;
            left.sort_by(f32::total_cmp);
            expected.sort_by(f32::total_cmp);
            assert_eq!(left, expected);
        }
    }
}
