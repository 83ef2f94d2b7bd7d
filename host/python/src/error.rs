//! Errors of the library as the exceptions that users of scikit-learn expect; no panic becomes one.

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::exceptions::{
    PyFileExistsError, PyFileNotFoundError, PyMemoryError, PyOSError, PyPermissionError, PyRuntimeError, PyValueError,
};
use pyo3::prelude::*;
use rewire::FitError;
use rewire::engine::dynamic::NetworkError;
use rewire::engine::native::NoThreads;

use crate::settings::keywords;

/// What went wrong, before it is an exception.
#[derive(Debug)]
pub(crate) enum Failure {
    /// In the library.
    Fit(FitError),
    /// With a file, or anything else that the library tells in words.
    Other(anyhow::Error),
    /// In Python.
    Python(PyErr),
}

impl From<FitError> for Failure {
    fn from(error: FitError) -> Self {
        Self::Fit(error)
    }
}

impl From<NoThreads> for Failure {
    fn from(error: NoThreads) -> Self {
        Self::Fit(error.into())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Python(error) => error,
            Failure::Fit(error) => {
                let text = keywords(&error.to_string());
                match error {
                    FitError::Network(NetworkError::OutOfMemory { .. }) => PyMemoryError::new_err(text),
                    FitError::Threads(_) => PyRuntimeError::new_err(text),
                    FitError::Train(rewire::TrainError::Diverged { .. }) => {
                        let text = text.replace("the learning rate", "learning_rate");
                        PyValueError::new_err(format!("training diverged: {text}"))
                    }
                    _ => PyValueError::new_err(text),
                }
            }
            Failure::Other(error) => {
                let text = keywords(&format!("{error:#}"));
                let kind = error.chain().find_map(|cause| Some(cause.downcast_ref::<std::io::Error>()?.kind()));
                match kind {
                    Some(ErrorKind::NotFound) => PyFileNotFoundError::new_err(text),
                    Some(ErrorKind::PermissionDenied) => PyPermissionError::new_err(text),
                    Some(ErrorKind::AlreadyExists) => PyFileExistsError::new_err(text),
                    Some(_) => PyOSError::new_err(text),
                    None => PyValueError::new_err(text),
                }
            }
        }
    }
}

/// What is said of a panic, which is a mistake of this package.
pub(crate) fn internal() -> PyErr {
    PyRuntimeError::new_err("an internal error of rewire, whose line is on the standard error; please report it")
}

/// Does some work without the GIL. A panic becomes an ordinary exception.
pub(crate) fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T, Failure> + Send) -> PyResult<T> {
    let done = py.detach(|| catch_unwind(AssertUnwindSafe(work)));
    done.map_err(|_| internal())?.map_err(Into::into)
}
