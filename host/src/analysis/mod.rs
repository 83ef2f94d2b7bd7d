//! What saved runs say, as numbers and tables. Nothing here draws.
//!
//! | file | question |
//! |---|---|
//! | `saved` | what a run directory holds, and which runs differ in the seed alone |
//! | `statistics` | mean, standard deviation, shares |
//! | `by_epoch` | what a quantity is in each epoch, over seeds |
//! | `bins` | how often numbers of each size occur |
//! | `degrees` | how many connections neurons and inputs have |
//! | `power_law` | whether degrees follow a power law |
//! | `evaluation` | how well a network does: by class, by number, by score |
//! | `flips` | how well a classifier does with mirror images too |
//! | `features` | which inputs a network kept, and how well fresh networks do with them alone |
//! | `comparison` | models side by side: accuracy, memory, time |
//! | `footprint` | predicted memory, buffer by buffer |
//! | `boards` | which microcontroller boards hold a network |
//! | `reference` | a run in the files of the tutorial's Python |

pub mod bins;
pub mod boards;
pub mod by_epoch;
pub mod comparison;
pub mod degrees;
pub mod evaluation;
pub mod features;
pub mod flips;
pub mod footprint;
pub mod power_law;
pub mod reference;
pub mod saved;
pub mod statistics;
