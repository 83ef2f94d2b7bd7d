//! Why a matrix or a layer was not taken from its arrays.

use core::fmt;

/// Which invariant of a CSR or COO matrix does not hold, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum StructureError {
    /// A slice has the wrong length.
    Length {
        /// Elements expected.
        expected: usize,
        /// Elements found.
        found: usize,
    },
    /// Row pointers do not start at 0, decrease, or do not end at the number of connections.
    RowPointer {
        /// The row whose pointer is wrong.
        row: usize,
    },
    /// A column is out of range, repeated, or smaller than the one before it.
    Column {
        /// Row of the connection.
        row: usize,
        /// Its column.
        col: usize,
    },
    /// A row is out of range.
    Row {
        /// The row.
        row: usize,
    },
    /// The same cell occurs twice.
    Duplicate {
        /// Row of the cell.
        row: usize,
        /// Column of the cell.
        col: usize,
    },
    /// There is no room for another connection.
    Full {
        /// Connections it holds.
        capacity: usize,
    },
}

impl StructureError {
    /// The same in a matrix of which this one is a part that begins below these rows and columns.
    pub(crate) fn below(self, rows: usize, cols: usize) -> Self {
        match self {
            Self::RowPointer { row } => Self::RowPointer { row: row + rows },
            Self::Column { row, col } => Self::Column { row: row + rows, col: col + cols },
            error => error,
        }
    }
}

impl fmt::Display for StructureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Length { expected, found } => write!(f, "{expected} elements expected, {found} found"),
            Self::RowPointer { row } => write!(f, "the row pointer of row {row} is out of order"),
            Self::Column { row, col } => {
                write!(f, "column {col} of row {row} is out of range, repeated or out of order")
            }
            Self::Row { row } => write!(f, "row {row} is out of range"),
            Self::Duplicate { row, col } => write!(f, "the cell at row {row}, column {col} occurs twice"),
            Self::Full { capacity } => write!(f, "all {capacity} connections are in use"),
        }
    }
}

impl core::error::Error for StructureError {}

/// The first property in which two layers' specifications differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SpecDifference {
    /// Input width.
    Inputs,
    /// Output width.
    Outputs,
    /// Number of connections.
    Connections,
    /// Storage: the same weights in another order.
    Storage,
    /// Activation, or its slope.
    Activation,
}

impl fmt::Display for SpecDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inputs => "input width",
            Self::Outputs => "output width",
            Self::Connections => "number of connections",
            Self::Storage => "storage",
            Self::Activation => "activation",
        })
    }
}

/// Why a layer was not loaded into a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LoadError {
    /// The network has no layer of this index.
    NoLayer {
        /// Layers of the network.
        layers: usize,
    },
    /// The specification of the network's layer is another.
    Differs(SpecDifference),
    /// An array has the wrong length, or the structure breaks an invariant.
    Structure(StructureError),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLayer { layers } => write!(f, "the network has only {layers} layers"),
            Self::Differs(what) => write!(f, "the network's layer has another {what}"),
            Self::Structure(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for LoadError {}

impl From<StructureError> for LoadError {
    fn from(error: StructureError) -> Self {
        Self::Structure(error)
    }
}
