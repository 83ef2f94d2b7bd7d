//! The type of a stored feature: a float, or a byte that stands for a 255th of its value.
//!
//! The kernels of the first layer read tiles of either; a byte becomes `byte * (1 / 255)`, rounded once, which is what
//! a host computes when it scales pixels before training. The bits are therefore the same.

use core::fmt::Debug;

use bytemuck::{Pod, Zeroable};

use crate::backend::vector::{Vector, load, multiply_add, partial_dot, units};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for u8 {}
}

/// What a byte is multiplied by.
const BYTE: f32 = 1.0 / 255.0;

/// A stored feature: `f32` or `u8`.
pub trait Element: sealed::Sealed + Pod + Debug + Default + Send + Sync {
    /// Whether rows of it deserve kernels of their own for single samples: those of a first layer do, which is the
    /// widest.
    #[doc(hidden)]
    const TABLES: bool;

    /// A tile's row as the kernels read it.
    #[doc(hidden)]
    type Row<V: Vector, const K: usize, const LANES: usize>: Send + Sync;

    /// A tile as the kernels read it.
    #[doc(hidden)]
    fn rows<V: Vector, const K: usize, const LANES: usize>(tile: &[[Self; LANES]]) -> &[Self::Row<V, K, LANES>];

    /// A row in registers.
    #[doc(hidden)]
    fn load<V: Vector, const K: usize, const LANES: usize>(vector: V, row: &Self::Row<V, K, LANES>)
    -> [V::Register; K];

    /// Adds `w` times a row to every lane of `sum`.
    #[doc(hidden)]
    fn multiply_add<V: Vector, const K: usize, const LANES: usize>(
        vector: V,
        sum: &mut [V::Register; K],
        w: f32,
        row: &Self::Row<V, K, LANES>,
    );

    /// The lane-wise products with a row, added up over units.
    #[doc(hidden)]
    fn partial_dot<V: Vector, const K: usize, const LANES: usize>(
        vector: V,
        a: &[V::Register; K],
        row: &Self::Row<V, K, LANES>,
    ) -> V::Register;

    /// Whether every lane of every row is +0.
    #[doc(hidden)]
    fn are_zero<V: Vector, const K: usize, const LANES: usize>(rows: &[Self::Row<V, K, LANES>]) -> bool;

    /// How many of the rows that come first are +0 in every lane, as far as one look tells: none where it does not.
    #[doc(hidden)]
    #[inline(always)]
    fn leading_zeros<V: Vector, const K: usize, const LANES: usize>(_rows: &[Self::Row<V, K, LANES>; 4]) -> usize {
        0
    }

    /// The number that the kernels read.
    #[doc(hidden)]
    fn value(self) -> f32;

    /// Whether it is neither infinite nor NaN, which a byte never is.
    #[doc(hidden)]
    fn is_finite(self) -> bool;

    /// The tile where it holds floats.
    #[doc(hidden)]
    fn floats<const LANES: usize>(tile: &[[Self; LANES]]) -> Option<&[f32]>;
}

impl Element for f32 {
    const TABLES: bool = false;
    type Row<V: Vector, const K: usize, const LANES: usize> = [V::Unit; K];

    #[inline(always)]
    fn rows<V: Vector, const K: usize, const LANES: usize>(tile: &[[Self; LANES]]) -> &[[V::Unit; K]] {
        units::<V, K, LANES>(tile)
    }

    #[inline(always)]
    fn load<V: Vector, const K: usize, const LANES: usize>(vector: V, row: &[V::Unit; K]) -> [V::Register; K] {
        load(vector, row)
    }

    #[inline(always)]
    fn multiply_add<V: Vector, const K: usize, const LANES: usize>(
        vector: V,
        sum: &mut [V::Register; K],
        w: f32,
        row: &[V::Unit; K],
    ) {
        multiply_add(vector, sum, w, row);
    }

    #[inline(always)]
    fn partial_dot<V: Vector, const K: usize, const LANES: usize>(
        vector: V,
        a: &[V::Register; K],
        row: &[V::Unit; K],
    ) -> V::Register {
        partial_dot(vector, a, row)
    }

    #[inline(always)]
    fn are_zero<V: Vector, const K: usize, const LANES: usize>(rows: &[[V::Unit; K]]) -> bool {
        let words: &[u32] = bytemuck::try_cast_slice(rows.as_flattened()).unwrap_or_default();
        match words {
            // A loop over one word is not always seen to be none.
            [word] => *word == 0,
            words => words.iter().all(|&word| word == 0),
        }
    }

    #[inline(always)]
    fn value(self) -> f32 {
        self
    }

    #[inline(always)]
    fn is_finite(self) -> bool {
        Self::is_finite(self)
    }

    #[inline(always)]
    fn floats<const LANES: usize>(tile: &[[Self; LANES]]) -> Option<&[f32]> {
        Some(tile.as_flattened())
    }
}

impl Element for u8 {
    const TABLES: bool = true;
    type Row<V: Vector, const K: usize, const LANES: usize> = [u8; LANES];

    #[inline(always)]
    fn rows<V: Vector, const K: usize, const LANES: usize>(tile: &[[Self; LANES]]) -> &[[u8; LANES]] {
        tile
    }

    #[inline(always)]
    fn load<V: Vector, const K: usize, const LANES: usize>(vector: V, row: &[u8; LANES]) -> [V::Register; K] {
        load(vector, &scaled::<V, K, LANES>(row))
    }

    #[inline(always)]
    fn multiply_add<V: Vector, const K: usize, const LANES: usize>(
        vector: V,
        sum: &mut [V::Register; K],
        w: f32,
        row: &[u8; LANES],
    ) {
        multiply_add(vector, sum, w, &scaled::<V, K, LANES>(row));
    }

    #[inline(always)]
    fn partial_dot<V: Vector, const K: usize, const LANES: usize>(
        vector: V,
        a: &[V::Register; K],
        row: &[u8; LANES],
    ) -> V::Register {
        partial_dot(vector, a, &scaled::<V, K, LANES>(row))
    }

    #[inline(always)]
    fn are_zero<V: Vector, const K: usize, const LANES: usize>(rows: &[[u8; LANES]]) -> bool {
        // Eight bytes are two words where loads need no alignment.
        if let Ok(bytes) = <&[u8; 8]>::try_from(rows.as_flattened()) {
            let [low, high]: [u32; 2] = bytemuck::must_cast(*bytes);
            return low | high == 0;
        }
        rows.as_flattened().iter().all(|&byte| byte == 0)
    }

    #[inline(always)]
    fn leading_zeros<V: Vector, const K: usize, const LANES: usize>(rows: &[[u8; LANES]; 4]) -> usize {
        // Four bytes are a word.
        let word = <[u8; 4]>::try_from(rows.as_flattened()).map(u32::from_le_bytes);
        word.map_or(0, |word| word.trailing_zeros() as usize / 8)
    }

    #[inline(always)]
    fn value(self) -> f32 {
        f32::from(self) * BYTE
    }

    #[inline(always)]
    fn is_finite(self) -> bool {
        true
    }

    #[inline(always)]
    fn floats<const LANES: usize>(_tile: &[[Self; LANES]]) -> Option<&[f32]> {
        None
    }
}

/// A row of bytes as a row of units.
#[inline(always)]
fn scaled<V: Vector, const K: usize, const LANES: usize>(row: &[u8; LANES]) -> [V::Unit; K] {
    bytemuck::try_cast(row.map(u8::value)).unwrap_or_else(|_| Zeroable::zeroed())
}
