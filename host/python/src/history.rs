//! The rows of `metrics.csv` as Python has them.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use rewire::training::directory::Epoch;

/// The row of an epoch as Python has it.
pub(crate) fn row<'py>(py: Python<'py>, row: &Epoch) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("epoch", row.epoch)?;
    dict.set_item("learning_rate", row.learning_rate)?;
    for (name, value) in [
        ("train_loss", row.train_loss),
        ("test_loss", row.test_loss),
        ("train_accuracy", row.train_accuracy),
        ("test_accuracy", row.test_accuracy),
    ] {
        dict.set_item(name, value)?;
    }
    for (name, value) in [
        ("train_seconds", row.train_seconds),
        ("evaluate_seconds", row.evaluate_seconds),
        ("evolve_seconds", row.evolve_seconds),
    ] {
        dict.set_item(name, value)?;
    }
    dict.set_item("connections", row.connections)?;
    Ok(dict)
}
