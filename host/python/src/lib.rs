//! The native half of the Python package `rewire`: typed arrays in, a trained network out. The estimators are in Python.
//!
//! | file | question |
//! |---|---|
//! | `settings` | which keywords there are, and how a value of Python becomes a setting |
//! | `samples` | how arrays are read where they are |
//! | `train` | how a training runs beside Python: callbacks, progress, Ctrl-C |
//! | `network` | what a trained network hands out |
//! | `data` | the known datasets and their recipes |
//! | `history` | the rows of epochs |
//! | `error` | which exception an error becomes |

#![expect(clippy::needless_pass_by_value, reason = "Python gives arguments by value")]

mod data;
mod error;
mod history;
mod network;
mod samples;
mod settings;
mod train;

/// What `rewire` imports.
#[pyo3::pymodule]
mod _rewire {
    #[pymodule_export]
    use crate::data::{dataset, recipe};
    #[pymodule_export]
    use crate::network::{Network, from_run, load, network_from_state};
    #[pymodule_export]
    use crate::settings::settings;
    #[pymodule_export]
    use crate::train::train;
    use pyo3::pyfunction;
    use rewire::firmware::project::RunOn;

    /// Where a project for a board can take its windows from.
    #[pyfunction]
    fn run_on() -> Vec<&'static str> {
        RunOn::CHOICES.iter().map(|choice| choice.name).collect()
    }

    /// The most threads that `n_jobs` may ask for.
    #[pymodule_export]
    const MOST_THREADS: u64 = rewire::training::MOST_THREADS;

    /// The version of the package.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
