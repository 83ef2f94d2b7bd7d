//! What the outputs should be: of samples in memory, and of a single one.

use core::fmt::Debug;

use crate::samples::source::Target;

/// What the outputs should be for one sample that is trained on as it arrives.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// The class of this number.
    Class(u16),
    /// A number for each output.
    Values(&'a [f32]),
    /// The input itself: an autoencoder.
    Input,
}

/// What the outputs of a [`Table`](crate::samples::Table)'s samples should be.
pub trait Answers: sealed::Sealed + Copy + Debug + Sync {
    /// What the outputs are compared with.
    const TARGET: Target;

    /// The largest label, where there are labels.
    fn largest_label(&self) -> Option<u16> {
        None
    }

    /// A sample's label, or 0.
    fn label(&self, index: usize) -> u16 {
        let _ = index;
        0
    }

    /// A sample's number for an output, or NaN.
    fn value(&self, index: usize, output: usize) -> f32 {
        let _ = (index, output);
        f32::NAN
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Labels<'_> {}
    impl Sealed for super::Values<'_> {}
    impl Sealed for super::Unlabelled {}
    impl Sealed for super::Unknown {}
}

/// A class a sample.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a>(pub(crate) &'a [u16]);

/// Numbers that the outputs should give, `[len, n_out]`.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) n_out: usize,
}

/// Samples for an autoencoder, which gives its inputs.
#[derive(Clone, Copy, Debug)]
pub struct Unlabelled;

/// A sample that is predicted: a loss that nobody reads, and that takes no exponentials.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unknown;

impl Answers for Labels<'_> {
    const TARGET: Target = Target::Class;

    fn largest_label(&self) -> Option<u16> {
        self.0.iter().copied().max()
    }

    fn label(&self, index: usize) -> u16 {
        self.0.get(index).copied().unwrap_or_default()
    }
}

impl Answers for Values<'_> {
    const TARGET: Target = Target::Values;

    // A sample's numbers lie together: an output that is not among them is not read from the next.
    fn value(&self, index: usize, output: usize) -> f32 {
        let place = index * self.n_out + output;
        self.values.get(place).copied().filter(|_| output < self.n_out).unwrap_or(f32::NAN)
    }
}

impl Answers for Unlabelled {
    const TARGET: Target = Target::Input;
}

impl Answers for Unknown {
    const TARGET: Target = Target::Values;
}
