//! Sparse matrices: integer widths, CSR and its transpose, COO.

pub(crate) mod budget;
pub(crate) mod coo;
pub(crate) mod csr;
pub(crate) mod index;
pub(crate) mod transpose;

pub use coo::Coo;
pub use csr::{CsrMut, CsrRef};
pub use index::{Bytes, Compact, Format, Index, Narrow, Standard, Wide};
