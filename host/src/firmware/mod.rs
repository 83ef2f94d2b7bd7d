//! Programs for microcontrollers.
//!
//! | file | answers |
//! |---|---|
//! | `boards` | which boards there are, with their memory, target, probe and machine |

pub mod boards;
