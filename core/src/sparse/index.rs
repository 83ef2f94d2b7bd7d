//! Integer widths of the sparse structure.
//!
//! Columns and row pointers are stored in the narrowest integer that the network allows. A [`Format`] names a pair of
//! widths; every buffer of a network uses the same pair.

use crate::activation::batch_norm::{Batch, TileBatch};
use core::fmt::Debug;

use crate::samples::element::Element;
use crate::sparse::blocks::{Blocks, LayerBlocks};

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for u16 {}
    impl Sealed for u32 {}
}

/// An unsigned integer that stores a column or a row pointer: `u8`, `u16` or `u32`.
pub trait Index: sealed::Sealed + bytemuck::Pod + Copy + Ord + Debug + Default + Send + Sync {
    /// The largest value it holds.
    const MAX: usize;

    /// Widens to `usize`.
    fn to_usize(self) -> usize;

    /// Narrows; values above [`Index::MAX`] wrap, which construction rules out.
    fn wrapping_from(value: usize) -> Self;

    /// Widens four neighbours.
    #[inline(always)]
    fn to_usizes(four: &[Self; 4]) -> [usize; 4] {
        if let Ok(&bytes) = <&[u8; 4]>::try_from(bytemuck::cast_slice(four.as_slice())) {
            // Bytes are taken apart in a register: one load instead of four.
            let word = u32::from_le_bytes(bytes);
            return [word & 255, word >> 8 & 255, word >> 16 & 255, word >> 24].map(|byte| byte as usize);
        }
        four.map(Self::to_usize)
    }
}

macro_rules! impl_index {
    ($($integer:ty),*) => {$(
        impl Index for $integer {
            const MAX: usize = <$integer>::MAX as usize;

            #[inline(always)]
            fn to_usize(self) -> usize {
                self as usize
            }

            #[inline(always)]
            fn wrapping_from(value: usize) -> Self {
                value as Self
            }
        }
    )*};
}
impl_index!(u8, u16, u32);

/// The widths of a network's structure, one integer for columns and one for row pointers, and of its inputs.
///
/// | format | columns | row pointers | inputs | fits |
/// |---|---|---|---|---|
/// | [`Bytes`] | `u8` | `u16` | `u8` | as [`Narrow`] |
/// | [`Narrow`] | `u8` | `u16` | `f32` | indexed side up to 256 neurons, 65,535 connections a layer |
/// | [`Compact`] | `u16` | `u16` | `f32` | 65,536 neurons, 65,535 connections a layer |
/// | [`Standard`] | `u16` | `u32` | `f32` | 65,536 neurons, 4.29 billion connections a layer |
/// | [`Wide`] | `u32` | `u32` | `f32` | 4.29 billion neurons and connections a layer |
pub trait Format: sealed::Sealed + Copy + Debug + Send + Sync + 'static {
    /// Its name, for errors.
    const NAME: &'static str;
    /// Stores a column.
    type Index: Index;
    /// Stores a row pointer, and a position in the values.
    type Pointer: Index;
    /// Counts the connections that a row gains in one growth. Narrower where the input tile, which the counters
    /// borrow, holds bytes.
    type Counter: Index;
    /// Stores a feature of a sample in the input tile.
    type Input: Element;
    /// Whether neurons may have activations with parameters of their own. The formats of microcontrollers leave that
    /// code out.
    const LEARNED_ACTIVATIONS: bool;
    /// Whether training has all options: other pruning rules than magnitude, percolation, Nesterov momentum, and gradients
    /// whose norm is clipped. The formats of microcontrollers leave that code out.
    const OPTIONS: bool = Self::LEARNED_ACTIVATIONS;
    /// Whether rows are long enough for whole moves and counts without a guess to pay, and stacks deep enough for large
    /// counters: as on a workstation.
    const LONG_ROWS: bool;
    /// Whether layers may be stored in blocks. The formats of microcontrollers leave that code out.
    const BLOCKS: bool;
    /// The blocks of a layer: `Option<Blocks>`, or `()` where layers are not stored in blocks, which costs no memory.
    type Blocks<'a>: LayerBlocks<'a>;
    /// What a pass knows of the samples that a tile normalises over: `Option<Batch>`, or `()` where no activation asks,
    /// which costs no memory.
    type Batch: TileBatch;
}

macro_rules! formats {
    ($($(#[$doc:meta])* $name:ident: $index:ty, $pointer:ty, $counter:ty, $input:ty, $learned:literal, $batch:ty, $long:literal, $has_blocks:literal, $blocks:ty;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name;

        impl sealed::Sealed for $name {}

        impl Format for $name {
            const NAME: &'static str = stringify!($name);
            type Index = $index;
            type Pointer = $pointer;
            type Counter = $counter;
            type Input = $input;
            const LEARNED_ACTIVATIONS: bool = $learned;
            const LONG_ROWS: bool = $long;
            const BLOCKS: bool = $has_blocks;
            type Blocks<'a> = $blocks;
            type Batch = $batch;
        }
    )*};
}
formats! {
    /// Columns in one byte, row pointers in two: the smallest, for microcontrollers.
    Narrow: u8, u16, u16, f32, false, (), false, false, ();
    /// As [`Narrow`], with inputs that are bytes: a sample takes a quarter of the memory. A byte stands for a 255th of
    /// its value.
    Bytes: u8, u16, u8, u8, false, (), false, false, ();
    /// Columns and row pointers in two bytes.
    Compact: u16, u16, u16, f32, false, (), false, false, ();
    /// Columns in two bytes, row pointers in four: the workstation's choice.
    Standard: u16, u32, u32, f32, true, Option<Batch>, true, true, Option<Blocks<'a>>;
    /// Columns and row pointers in four bytes.
    Wide: u32, u32, u32, f32, true, Option<Batch>, true, true, Option<Blocks<'a>>;
    /// The inside of a block of a layer that is stored in blocks: as [`Compact`], on a workstation.
    #[doc(hidden)]
    InBlock: u16, u16, u16, f32, false, (), true, false, ();
}
