//! Programs for microcontrollers.
//!
//! | file | answers |
//! |---|---|
//! | `boards` | which boards there are, with their memory, target, probe and machine |
//! | `project` | which files a project for a board has |
//! | `on_chip` | whether a network fits a board |
//! | `fitted` | how a trained network becomes a project |
//! | `source` | how settings of a run are written as Rust |
//! | `from_start` | how the networks of `firmware/`, which train from the start, are written as Rust |
//! | `uart` | how a board's serial line is read and written |
//! | `samples` | which samples lie in flash |

pub mod boards;
pub mod fitted;
pub mod from_start;
pub mod on_chip;
pub mod project;
pub mod samples;
pub mod source;
pub mod uart;
