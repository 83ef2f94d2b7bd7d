//! Sparse matrices: integer widths, CSR and its transpose, COO, and layers that are cut into blocks.

pub(crate) mod bf16;
pub(crate) mod blocks;
pub(crate) mod budget;
pub(crate) mod chunks;
pub(crate) mod coo;
pub(crate) mod csr;
pub(crate) mod index;
pub(crate) mod transpose;

pub use blocks::{BlocksRef, Geometry};
pub use coo::Coo;
pub use csr::{CsrMut, CsrRef};
#[doc(hidden)]
pub use index::InBlock;
pub use index::{Bytes, Compact, Format, Index, Narrow, Standard, Wide};
