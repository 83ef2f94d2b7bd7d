//! The selection that all pruning rules share: each connection has a score, and of either sign those of smallest magnitude
//! go, as many as the caller says; in an evolution the fraction `zeta`.

use crate::sparse::csr::{CsrMut, CsrRef};
use crate::sparse::index::{Format, Index};
use crate::topology::prune::compact::{Compaction, Sieve, compact};

/// Counters of a digit in the selection, for each sign: few where the stack is small, and otherwise as many as leave three
/// digits to a magnitude.
pub(crate) const FEW_DIGITS: usize = 1 << 6;
pub(crate) const MANY_DIGITS: usize = 1 << 11;

/// What a pruning rule thinks of a connection.
pub(crate) trait Score<F: Format>: Copy {
    /// What the connections of a row share.
    type Row: Copy + Default;

    /// What the connections of a row with these weights share.
    fn row(&self, values: &[f32]) -> Self::Row;

    /// The score of a connection, by its place in CSR order before pruning: those of smallest magnitude go, and as large a
    /// fraction of either sign.
    fn of(&self, row: Self::Row, place: usize, col: F::Index, value: f32) -> f32;
}

/// Which scores of one sign are pruned: magnitudes below the threshold, and the first few that equal it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Bits of the magnitude; positive floats order as their bits do.
    pub(crate) threshold: u32,
    /// How many are pruned whose magnitude equals the threshold.
    ties: u32,
    /// Sum of both kinds.
    total: u32,
}

/// Prunes the fraction `zeta` of the positive scores and of the negative scores, those of smallest magnitude; returns
/// how many were pruned.
///
/// Both numbers are rounded down. The sign bit decides, so a score of +0 counts as positive and is pruned first. Of
/// equal magnitudes, those that come first in CSR order are pruned. Survivors keep weight and velocity, and move to the
/// front: the last row pointer then says how many there are.
pub(crate) fn prune_by<F: Format, S: Score<F>>(matrix: &mut CsrMut<'_, F>, zeta: f32, score: S) -> usize {
    let cuts = cuts(matrix.as_ref(), zeta, score);
    remove(matrix, cuts, score)
}

/// Removes what the cuts say; returns how many that were.
#[inline(always)]
pub(crate) fn remove<F: Format, S: Score<F>>(matrix: &mut CsrMut<'_, F>, cuts: [Cut; 2], score: S) -> usize {
    let removed = cuts.iter().map(|cut| cut.total as usize).sum();
    if removed > 0 {
        let rows = 0..matrix.indptr.len();
        compact(matrix, &mut Compaction::new(BelowCut::new(cuts, score)), rows);
    }
    removed
}

/// Calls `each` with row and column of every connection that pruning would leave.
pub(crate) fn each_survivor<F: Format, S: Score<F>>(
    matrix: CsrRef<'_, F>,
    zeta: f32,
    score: S,
    mut each: impl FnMut(usize, usize),
) {
    let mut sieve = BelowCut::new(cuts(matrix, zeta, score), score);
    let mut place = 0;
    for (row, (cols, values)) in matrix.rows().enumerate() {
        Sieve::<F>::begin(&mut sieve, row, values);
        for (&col, &value) in cols.iter().zip(values) {
            if !sieve.goes(place, col, value) {
                each(row, col.to_usize());
            }
            place += 1;
        }
    }
}

/// The thresholds of a matrix.
fn cuts<F: Format, S: Score<F>>(matrix: CsrRef<'_, F>, zeta: f32, score: S) -> [Cut; 2] {
    let scores = || {
        let mut place = 0;
        matrix.rows().flat_map(move |(cols, values)| {
            let (row, first) = (score.row(values), place);
            place += cols.len();
            let each = (first..).zip(cols.iter().zip(values));
            each.map(move |(place, (&col, &value))| score.of(row, place, col, value))
        })
    };
    select_for::<F, F::Pointer, _>(scores, fraction(zeta))
}

/// Lets the connections through whose scores are above the cuts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BelowCut<S, R> {
    cuts: [Cut; 2],
    score: S,
    row: R,
}

impl<S, R: Default> BelowCut<S, R> {
    pub(crate) fn new(cuts: [Cut; 2], score: S) -> Self {
        Self { cuts, score, row: R::default() }
    }
}

impl<F: Format, S: Score<F>> Sieve<F> for BelowCut<S, S::Row> {
    #[inline(always)]
    fn begin(&mut self, _row: usize, values: &[f32]) {
        self.row = self.score.row(values);
    }

    #[inline(always)]
    fn goes(&mut self, place: usize, col: F::Index, value: f32) -> bool {
        goes(&mut self.cuts, self.score.of(self.row, place, col, value))
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
pub(crate) fn goes(cuts: &mut [Cut; 2], value: f32) -> bool {
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

/// That fraction of the count of each sign.
#[inline(always)]
pub(crate) fn fraction(zeta: f32) -> impl Fn([u32; 2]) -> [u32; 2] {
    move |counts| counts.map(|count| share(count, zeta))
}

/// Finds which scores are pruned: of each sign as many as `take` says, given how many there are. A counter `C` must be able to
/// count all scores. There are as many counters as suit the machine of the format.
pub(crate) fn select_for<F: Format, C: Index, I: Iterator<Item = f32>>(
    scores: impl Fn() -> I,
    take: impl Fn([u32; 2]) -> [u32; 2],
) -> [Cut; 2] {
    if F::LONG_ROWS { select::<MANY_DIGITS, C, _>(scores, take) } else { select::<FEW_DIGITS, C, _>(scores, take) }
}

/// Finds both thresholds by counting digits of the magnitude, highest first: a radix selection.
// Not inlined: its histogram would take stack from whoever trains between evolutions.
#[inline(never)]
pub(crate) fn select<const DIGITS: usize, C: Index, I: Iterator<Item = f32>>(
    scores: impl Fn() -> I,
    take: impl Fn([u32; 2]) -> [u32; 2],
) -> [Cut; 2] {
    let mut selection = Selection::<C, DIGITS>::new();
    loop {
        selection.count(scores());
        if let Some(cuts) = selection.close(&take) {
            return cuts;
        }
    }
}

/// A selection, with `DIGITS` counters of a digit for each sign. A counter has room for the number of all scores.
#[derive(Debug)]
pub(crate) struct Selection<C, const DIGITS: usize> {
    cuts: [Cut; 2],
    /// Bits of the thresholds that are not known yet.
    shift: u32,
    histogram: [[C; DIGITS]; 2],
}

impl<C: Index, const DIGITS: usize> Selection<C, DIGITS> {
    const BITS: u32 = 31;

    /// Counters that [`Selection::close`] visits.
    pub(crate) const CLOSING: usize = 2 * DIGITS;

    /// Before the first digit.
    // Inlined: its counters would be on the stack twice.
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { cuts: [Cut::default(); 2], shift: Self::BITS, histogram: [[C::default(); DIGITS]; 2] }
    }

    /// Bits of the digit that is counted.
    fn bits(&self) -> u32 {
        DIGITS.trailing_zeros().min(self.shift)
    }

    /// Counts the next digit of those of some scores that can still be the threshold.
    #[inline(always)]
    pub(crate) fn count(&mut self, scores: impl Iterator<Item = f32>) {
        let (above, low, digits) = (self.shift, self.shift - self.bits(), (1 << self.bits()) - 1);
        let histogram = self.histogram.as_flattened_mut();
        let mut count = |value: u32| {
            let digit = (value >> low) as usize & (DIGITS - 1) & digits;
            if let Some(count) = histogram.get_mut((value >> 31) as usize * DIGITS + digit) {
                *count = C::wrapping_from(count.to_usize() + 1);
            }
        };
        let values = scores.map(f32::to_bits);
        if above == Self::BITS {
            values.for_each(count);
        } else {
            // Of each sign, the scores that share the digits so far.
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

    /// Takes the digit's counts over all scores into account; returns what is to go once all digits are known: of each
    /// sign as many as `take` makes of their counts.
    #[inline(always)]
    pub(crate) fn close(&mut self, take: impl Fn([u32; 2]) -> [u32; 2]) -> Option<[Cut; 2]> {
        if self.shift == Self::BITS {
            let [positive, negative] = &self.histogram;
            let sum = |counts: &[C]| counts.iter().map(|count| count.to_usize() as u32).sum();
            let totals = take([sum(positive), sum(negative)]);
            for (cut, total) in self.cuts.iter_mut().zip(totals) {
                (cut.total, cut.ties) = (total, total);
            }
        }
        self.shift -= self.bits();
        for (cut, histogram) in self.cuts.iter_mut().zip(&mut self.histogram) {
            // `ties` is how many of the scores that share the digits so far must go.
            for (digit, count) in (0u32..).zip(&*histogram) {
                let count = count.to_usize() as u32;
                if cut.ties <= count {
                    cut.threshold |= digit << self.shift;
                    break;
                }
                cut.ties -= count;
            }
            *histogram = [C::default(); DIGITS];
        }
        (self.shift == 0).then_some(self.cuts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Generator, Purpose};
    use crate::sparse::index::Narrow;
    use crate::topology::prune::magnitude::{Magnitude, prune_magnitude};

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
                let few = select::<FEW_DIGITS, u16, _>(|| values.iter().copied(), fraction(zeta));
                assert_eq!(few, select::<MANY_DIGITS, u32, _>(|| values.iter().copied(), fraction(zeta)));
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
            each_survivor(matrix, zeta, Magnitude, |row, col| left.push((row, col as u8)));
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
