//! The known datasets as arrays, and the settings that are a good start for each.

use std::path::PathBuf;

use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rewire::data::samples::{Features, Split};
use rewire::data::{DatasetName, cache_dir, load};
use rewire::settings::Config;

use crate::error::detached;
use crate::settings::differing;

/// Pixels and labels.
type Part<'py> = (Bound<'py, PyArray2<u8>>, Bound<'py, PyArray1<u16>>);

/// The dataset of this name.
fn named(name: &str) -> PyResult<DatasetName> {
    name.parse().map_err(|error: rewire::data::UnknownName| PyValueError::new_err(error.to_string()))
}

/// The keywords that are a good start for a known dataset.
#[pyfunction]
pub(crate) fn recipe<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyDict>> {
    differing(py, &Config::defaults(named(name)?))
}

/// Training samples and test samples of a known dataset, in bytes.
#[pyfunction]
#[pyo3(signature = (name, folder = None))]
pub(crate) fn dataset<'py>(py: Python<'py>, name: &str, folder: Option<PathBuf>) -> PyResult<(Part<'py>, Part<'py>)> {
    let name = named(name)?;
    let data = detached(py, || Ok(load(name, &cache_dir(folder.as_deref())).map_err(anyhow::Error::from)?))?;
    let part = |split: Split<'static>| -> PyResult<Part<'py>> {
        let (width, labels) = (split.width(), split.labels.into_owned());
        let Features::Bytes(pixels) = split.features else {
            return Err(PyValueError::new_err("its features are no pixels"));
        };
        let pixels = PyArray1::from_vec(py, pixels.into_owned()).reshape([labels.len(), width])?;
        Ok((pixels, PyArray1::from_vec(py, labels)))
    };
    Ok((part(data.train)?, part(data.test)?))
}
