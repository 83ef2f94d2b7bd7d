//! Samples in arrays of `NumPy`, which are read where they are.

use numpy::{PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rewire::data::samples::{Features as Values, Split};

/// Features: floats, or pixels in bytes.
#[derive(FromPyObject)]
pub(crate) enum Features<'py> {
    /// `[samples, features]`.
    Floats(PyReadonlyArray2<'py, f32>),
    /// `[samples, features]`.
    Bytes(PyReadonlyArray2<'py, u8>),
}

impl Features<'_> {
    /// Samples and features of each.
    pub(crate) fn shape(&self) -> (usize, usize) {
        let shape = match self {
            Self::Floats(array) => array.shape(),
            Self::Bytes(array) => array.shape(),
        };
        (shape[0], shape[1])
    }

    /// The features, row by row.
    pub(crate) fn values(&self) -> PyResult<Values<'_>> {
        let in_rows = match self {
            Self::Floats(array) => array.is_c_contiguous(),
            Self::Bytes(array) => array.is_c_contiguous(),
        };
        if !in_rows {
            return Err(PyValueError::new_err("the features must lie in memory row by row (C order)"));
        }
        Ok(match self {
            Self::Floats(array) => Values::Floats(array.as_slice()?.into()),
            Self::Bytes(array) => Values::Bytes(array.as_slice()?.into()),
        })
    }
}

/// Samples as the estimators give them.
#[derive(FromPyObject)]
pub(crate) struct Samples<'py>(
    /// Features.
    Features<'py>,
    /// The class of each sample, for a classifier.
    Option<PyReadonlyArray1<'py, u16>>,
    /// `[samples, outputs]`, for a regression.
    Option<PyReadonlyArray2<'py, f32>>,
    /// Weights, where samples have some.
    Option<PyReadonlyArray1<'py, f32>>,
);

impl Samples<'_> {
    /// Numbers that each sample is to give.
    pub(crate) fn outputs(&self) -> usize {
        self.2.as_ref().map_or(0, |values| values.shape()[1])
    }

    /// As the library has them.
    pub(crate) fn split(&self) -> PyResult<Split<'_>> {
        let Self(features, labels, values, weights) = self;
        let split = match labels {
            Some(labels) => Split::labelled(features.values()?, labels.as_slice()?),
            None => Split::labelled(features.values()?, vec![0; features.shape().0]),
        };
        let values = values.as_ref().map(PyReadonlyArray2::as_slice).transpose()?.unwrap_or_default();
        let weights = weights.as_ref().map(PyReadonlyArray1::as_slice).transpose()?.unwrap_or_default();
        Ok(Split { values: values.into(), weights: weights.into(), ..split })
    }
}
