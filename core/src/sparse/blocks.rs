//! Very wide layers: a list of blocks, each an ordinary CSR matrix of some rows over one window of inputs.
//!
//! A block's columns and row pointers have two bytes, and its weights are stored in two ([`bf16`](crate::sparse::bf16)). So
//! a connection takes four bytes, a row two, whatever the width of the layer. Nothing else is stored: which rows and which
//! window a block has, and how many connections, follows from the layer's widths.
//!
//! ```text
//! 4 windows of inputs, 8 groups of rows       window 0: blocks of the groups 2 and 6
//! slots of the windows 2 0 3 1                window 1: blocks of the groups 0 and 4
//!                                             window 2: 3 and 7;  window 3: 1 and 5
//! ```
//!
//! Blocks lie in memory window by window, so that whoever owns a window of the input gradient owns the weights that are
//! added to it. A group of rows reads one window. Where a layer has too few rows for that, each group reads every window.
//! Windows have other slots in each layer, so what mixes within a window spreads over all neurons from layer to layer.

use core::fmt::Debug;
use core::ops::Range;

use crate::random::{Permutation, Purpose};

/// Inputs of a window, at most: what two bytes count.
const WINDOW: usize = 1 << 16;
/// Rows of a block, at most.
const ROWS: usize = 1 << 14;
/// Rows of a block that are not cut any further, to have more blocks.
const FEW_ROWS: usize = 1 << 10;
/// Blocks that a layer of many rows has at least, so that one is small beside it.
const BLOCKS: usize = 16;
/// Connections of a block that a layer is cut for. Two bytes count twice as many.
const CONNECTIONS: usize = 1 << 15;
/// Connections of a row beyond which growth sorts new ones, in runs of as many, where it has room to.
pub(crate) const RUN: usize = 128;
/// Words that growth sorts long rows in, beside the block, at most.
const SPARE: usize = 1 << 12;

/// How a layer is cut into blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    n_in: usize,
    n_out: usize,
    connections: usize,
    shape: Shape,
    /// The slots of the windows.
    slots: Permutation,
}

/// Windows and blocks of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    windows: usize,
    /// Blocks of a window.
    blocks: usize,
    /// Whether each group of rows reads every window.
    all: bool,
}

/// Where the part `index` of `parts` equal parts of `total` begins.
const fn cut(total: usize, parts: usize, index: usize) -> usize {
    let parts = if parts == 0 { 1 } else { parts };
    // As total * index / parts, which could overflow.
    total / parts * index + total % parts * index / parts
}

const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

const fn smaller(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

impl Shape {
    const fn new(n_in: usize, n_out: usize, connections: usize) -> Self {
        let windows = larger(n_in.div_ceil(WINDOW), 1);
        let rows = larger(smaller(n_out / BLOCKS, ROWS), FEW_ROWS);
        let blocks = larger(n_out.div_ceil(rows * windows), connections.div_ceil(CONNECTIONS * windows));
        let apart = Self { windows, blocks: larger(blocks, 1), all: false };
        if apart.fits(n_in, n_out, connections) {
            return apart;
        }
        let blocks = larger(n_out.div_ceil(rows), connections.div_ceil(CONNECTIONS * windows));
        let blocks = smaller(larger(blocks, 1), n_out);
        let windows = smaller(larger(windows, connections.div_ceil(CONNECTIONS * larger(blocks, 1))), n_in);
        Self { windows, blocks, all: true }
    }

    const fn count(self) -> usize {
        self.windows * self.blocks
    }

    const fn groups(self) -> usize {
        if self.all { self.blocks } else { self.count() }
    }

    /// Whether each block has a row, an input, and cells for its connections, and two bytes count them.
    const fn fits(self, n_in: usize, n_out: usize, connections: usize) -> bool {
        let (groups, most) = (self.groups(), connections.div_ceil(larger(self.count(), 1)));
        self.windows > 0
            && self.blocks > 0
            && groups <= n_out
            && most <= u16::MAX as usize
            && most <= (n_out / groups).saturating_mul(n_in / self.windows)
    }
}

/// Elements of a layer's arrays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lengths {
    pub(crate) pointers: usize,
    /// Words of 32 bits to work in.
    pub(crate) scratch: usize,
}

impl Lengths {
    pub(crate) const fn new(n_in: usize, n_out: usize, connections: usize) -> Self {
        let shape = Shape::new(n_in, n_out, connections);
        let rows = n_out.div_ceil(larger(shape.groups(), 1));
        let values = connections.div_ceil(larger(shape.count(), 1));
        // A column and a value for each connection of a row as long as the mean; short rows are not sorted. What has less room
        // than it needs is sorted in more parts.
        let row = values / larger(rows, 1);
        let spare = if row < RUN / 2 { 0 } else { smaller(2 * larger(row, RUN), SPARE) };
        Self { pointers: shape.count() * (rows + 1), scratch: values + rows.div_ceil(2) + spare }
    }
}

impl Geometry {
    /// Of a layer with these widths, which is the layer `index`, counted from 0, of its network.
    pub(crate) fn new(n_in: usize, n_out: usize, connections: usize, index: u32) -> Self {
        let shape = Shape::new(n_in, n_out, connections);
        // The same for every seed, so that whoever reads a saved network need not know it.
        let slots = Permutation::with_purpose(0, Purpose::Windows, index, shape.windows as u32);
        Self { n_in, n_out, connections, shape, slots }
    }

    /// Of the layer `index` of a network, if it can be cut into blocks.
    pub fn of(n_in: usize, n_out: usize, connections: usize, index: usize) -> Option<Self> {
        Self::exists(n_in, n_out, connections).then(|| Self::new(n_in, n_out, connections, index as u32))
    }

    /// Whether a layer can be cut into blocks.
    pub(crate) const fn exists(n_in: usize, n_out: usize, connections: usize) -> bool {
        Shape::new(n_in, n_out, connections).fits(n_in, n_out, connections)
    }

    /// Whether each row reads every window.
    pub(crate) fn reads_all(&self) -> bool {
        self.shape.all
    }

    /// Windows of inputs.
    pub(crate) fn windows(&self) -> usize {
        self.shape.windows
    }

    /// Groups of rows.
    pub(crate) fn groups(&self) -> usize {
        self.shape.groups()
    }

    /// Blocks, in the order of memory.
    pub fn blocks(&self) -> usize {
        self.shape.count()
    }

    /// Connections of the layer.
    pub(crate) fn connections(&self) -> usize {
        self.connections
    }

    /// Inputs of a window.
    pub(crate) fn window(&self, window: usize) -> Range<usize> {
        cut(self.n_in, self.shape.windows, window)..cut(self.n_in, self.shape.windows, window + 1)
    }

    /// Rows of a group.
    pub(crate) fn group(&self, group: usize) -> Range<usize> {
        cut(self.n_out, self.groups(), group)..cut(self.n_out, self.groups(), group + 1)
    }

    /// Blocks of a window.
    pub(crate) fn of_window(&self, window: usize) -> Range<usize> {
        window * self.shape.blocks..(window + 1) * self.shape.blocks
    }

    /// Blocks of a group of rows, windows ascending.
    pub(crate) fn of_group(&self, group: usize) -> impl Iterator<Item = usize> {
        let Shape { windows, blocks, all } = self.shape;
        let (mine, place) = if all {
            (0..windows, group)
        } else {
            let slot = group % windows.max(1);
            let window = self.slots.position_of(slot as u32) as usize;
            (window..window + 1, group / windows.max(1))
        };
        mine.map(move |window| window * blocks + place)
    }

    /// Row pointers of all blocks.
    pub(crate) fn all_pointers(&self) -> usize {
        Lengths::new(self.n_in, self.n_out, self.connections).pointers
    }

    /// The group of rows, and the window, of a block.
    pub(crate) fn ends(&self, block: usize) -> (usize, usize) {
        let Shape { windows, blocks, all } = self.shape;
        let (window, place) = (block / blocks.max(1), block % blocks.max(1));
        let group = if all { place } else { self.slots.at(window as u32) as usize + place * windows };
        (group, window)
    }

    /// Rows and inputs of a block.
    pub fn cells(&self, block: usize) -> (Range<usize>, Range<usize>) {
        let (group, window) = self.ends(block);
        (self.group(group), self.window(window))
    }

    /// Connections of a block: their places in the layer's arrays.
    pub fn places(&self, block: usize) -> Range<usize> {
        cut(self.connections, self.blocks(), block)..cut(self.connections, self.blocks(), block + 1)
    }

    /// A block's row pointers: their places in the layer's array. They count from the block's first connection.
    pub fn pointers(&self, block: usize) -> Range<usize> {
        let first = block * (self.n_out.div_ceil(self.groups().max(1)) + 1);
        first..first + self.group(self.ends(block).0).len() + 1
    }
}

/// The arrays of a layer in blocks.
#[derive(Debug)]
pub struct Blocks<'a> {
    pub(crate) geometry: Geometry,
    pub(crate) weights: &'a mut [u16],
    pub(crate) pointers: &'a mut [u16],
    pub(crate) columns: &'a mut [u16],
    /// What a block is drawn and evolved in.
    pub(crate) scratch: &'a mut [u32],
}

/// The same, read only.
#[derive(Clone, Copy, Debug)]
pub struct BlocksRef<'a> {
    /// Rows, inputs and connections of each block.
    pub geometry: Geometry,
    /// Weights as bfloat16, block by block.
    pub weights: &'a [u16],
    /// Row pointers, block by block; each counts from its block's first connection.
    pub pointers: &'a [u16],
    /// Columns, block by block; each counts from its block's first input.
    pub columns: &'a [u16],
}

/// One block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockRef<'a> {
    pub(crate) weights: &'a [u16],
    pub(crate) pointers: &'a [u16],
    pub(crate) columns: &'a [u16],
}

impl<'a> BlocksRef<'a> {
    /// One of the blocks.
    pub(crate) fn block(&self, block: usize) -> BlockRef<'a> {
        let (places, pointers) = (self.geometry.places(block), self.geometry.pointers(block));
        BlockRef {
            weights: self.weights.get(places.clone()).unwrap_or_default(),
            pointers: self.pointers.get(pointers).unwrap_or_default(),
            columns: self.columns.get(places).unwrap_or_default(),
        }
    }
}

impl Blocks<'_> {
    pub(crate) fn as_ref(&self) -> BlocksRef<'_> {
        BlocksRef { geometry: self.geometry, weights: self.weights, pointers: self.pointers, columns: self.columns }
    }
}

/// The blocks that a layer may have: `Option<Blocks>`, or `()` where no layer has any, which costs no memory.
pub trait LayerBlocks<'a>: Debug + Default + Send + Sync {
    /// Keeps the blocks, if they are kept.
    fn new(blocks: impl FnOnce() -> Blocks<'a>) -> Self;

    /// What was kept.
    fn get(&self) -> Option<BlocksRef<'_>>;

    /// The same, to change.
    fn get_mut(&mut self) -> Option<&mut Blocks<'a>>;
}

impl<'a> LayerBlocks<'a> for Option<Blocks<'a>> {
    #[inline(always)]
    fn new(blocks: impl FnOnce() -> Blocks<'a>) -> Self {
        Some(blocks())
    }

    #[inline(always)]
    fn get(&self) -> Option<BlocksRef<'_>> {
        self.as_ref().map(Blocks::as_ref)
    }

    #[inline(always)]
    fn get_mut(&mut self) -> Option<&mut Blocks<'a>> {
        self.as_mut()
    }
}

/// Keeps nothing: for formats without such layers.
impl<'a> LayerBlocks<'a> for () {
    #[inline(always)]
    fn new(_blocks: impl FnOnce() -> Blocks<'a>) -> Self {}

    #[inline(always)]
    fn get(&self) -> Option<BlocksRef<'_>> {
        None
    }

    #[inline(always)]
    fn get_mut(&mut self) -> Option<&mut Blocks<'a>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    /// Widths and connections: one window, several, more windows than rows, dense rows.
    const LAYERS: [(usize, usize, usize); 9] = [
        (784, 100, 2000),
        (784, 100_000, 2_000_000),
        (65_536, 1_000_000, 1_065_536),
        (1_000_000, 1_000_000, 2_000_000),
        (1_000_003, 999_999, 2_000_001),
        (300_000, 20_000, 400_000),
        (1_000_000, 2, 1_000_002),
        (1_000_000, 10, 9_000_000),
        (200_000, 3, 7),
    ];

    #[test]
    fn blocks_have_each_connection_and_pointer_once_and_read_every_window_as_often() {
        for (n_in, n_out, connections) in LAYERS {
            assert!(Geometry::exists(n_in, n_out, connections), "{n_in} {n_out} {connections}");
            let geometry = Geometry::new(n_in, n_out, connections, 3);
            let lengths = Lengths::new(n_in, n_out, connections);
            let (mut place, mut pointer) = (0, 0);
            let mut reads = vec![0; geometry.windows()];
            let mut of_groups = vec![0; geometry.groups()];
            for block in 0..geometry.blocks() {
                let (rows, inputs) = geometry.cells(block);
                let places = geometry.places(block);
                assert_eq!(places.start, place);
                assert!(places.len() <= 65_535 && places.len() <= rows.len() * inputs.len());
                assert!(!rows.is_empty() && rows.len() <= ROWS && !inputs.is_empty() && inputs.len() <= WINDOW);
                assert!(geometry.pointers(block).start >= pointer);
                (place, pointer) = (places.end, geometry.pointers(block).end);
                let spare = if places.len() >= RUN * rows.len() { 2 * RUN } else { 0 };
                assert!(places.len() + rows.len().div_ceil(2) + spare <= lengths.scratch);
                let (group, window) = geometry.ends(block);
                reads[window] += 1;
                of_groups[group] += 1;
                assert!(geometry.of_group(group).any(|found| found == block));
                assert!(geometry.of_window(window).contains(&block));
            }
            assert_eq!(place, connections);
            assert!(pointer <= lengths.pointers && lengths.pointers - pointer <= 1);
            assert!(reads.iter().all(|&count| count == reads[0]));
            assert!(of_groups.iter().all(|&count| count == of_groups[0]));
            let rows: usize = (0..geometry.groups()).map(|group| geometry.group(group).len()).sum();
            let inputs: usize = (0..geometry.windows()).map(|window| geometry.window(window).len()).sum();
            assert_eq!((rows, inputs), (n_out, n_in));
        }
    }

    #[test]
    fn only_layers_with_long_rows_have_room_to_sort_in() {
        let words =
            |n_out, connections| Lengths::new(9000, n_out, connections).scratch - connections - n_out.div_ceil(2);
        assert_eq!([words(1000, 2000), words(20, 63 * 20)], [0, 0]);
        assert_eq!([words(20, 64 * 20), words(2, 2000), words(2, 9000)], [2 * RUN, 2000, SPARE]);
    }

    #[test]
    fn windows_have_other_slots_in_other_layers() {
        let [a, b] = [0, 1].map(|index| Geometry::new(2_000_000, 2_000_000, 4_000_000, index));
        assert!((0..a.blocks()).filter(|&block| a.ends(block) == b.ends(block)).count() < a.blocks() / 4);
    }

    #[test]
    fn what_no_blocks_can_hold_is_known() {
        assert!(!Geometry::exists(0, 5, 1) && !Geometry::exists(5, 0, 1));
        assert!(!Geometry::exists(100_001, 3, 300_002));
    }
}
