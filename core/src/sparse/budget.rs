//! How much of an evolution is done before it pauses.

/// Says whether work goes on.
pub(crate) trait Pace {
    /// Whether work may be cut. Where it may not, it can use memory that is not sound in between.
    const PAUSES: bool;

    /// Pays for something; returns whether it is to be done.
    fn take(&mut self, cost: usize) -> bool;
    /// Pays for as many of `count` small things as it can; returns how many.
    fn rows(&mut self, count: usize) -> usize;
}

/// Work that is not cut: the compiler leaves out all that a pause would need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unlimited;

impl Pace for Unlimited {
    const PAUSES: bool = false;

    #[inline(always)]
    fn take(&mut self, _cost: usize) -> bool {
        true
    }

    #[inline(always)]
    fn rows(&mut self, count: usize) -> usize {
        count
    }
}

/// Connections and rows that may still be visited. One thing is done even if it takes more, so that work ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    left: usize,
    /// Whether nothing was done yet.
    fresh: bool,
}

impl Budget {
    pub(crate) const fn new(left: usize) -> Self {
        Self { left, fresh: true }
    }
}

impl Pace for Budget {
    const PAUSES: bool = true;

    fn take(&mut self, cost: usize) -> bool {
        let paid = cost <= self.left || self.fresh;
        if paid {
            *self = Self { left: self.left.saturating_sub(cost), fresh: false };
        }
        paid
    }

    fn rows(&mut self, count: usize) -> usize {
        let least = usize::from(self.fresh);
        let rows = count.min(self.left.max(least));
        *self = Self { left: self.left.saturating_sub(rows), fresh: self.fresh && rows == 0 };
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_done_whatever_it_takes_and_then_no_more_than_was_allowed() {
        let mut budget = Budget::new(5);
        assert!(budget.take(9) && !budget.take(1));
        let mut budget = Budget::new(5);
        assert!(budget.take(2) && budget.take(3) && !budget.take(1));
        let mut budget = Budget::new(5);
        assert_eq!([budget.rows(0), budget.rows(3), budget.rows(9), budget.rows(9)], [0, 3, 2, 0]);
        let mut budget = Budget::new(0);
        assert_eq!([budget.rows(3), budget.rows(3)], [1, 0]);
    }
}
