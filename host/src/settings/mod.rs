//! Settings of a run: defaults, then a file, then flags; validated once, recorded in full.
//!
//! | question | file |
//! |---|---|
//! | Which settings are there, with which default, range, help and effect? Where is one added? | `table` |
//! | What does an entry of the table say, and what is made of it? | `setting` |
//! | Which setting has this name, and which default for which dataset? | `lookup` |
//! | Which types can a setting have? | `value`, `value_of_data` |
//! | Which names can a choice have? | `choice` |
//! | How are settings read from a file, written and compared? | `file` |
//! | Do they go with each other? | `check`, with the error in `invalid` |
//! | What do they make of a run? | `build` |
//! | Can a run be continued with more epochs? | `resume` |

mod build;
mod check;
mod choice;
mod file;
mod invalid;
mod lookup;
mod resume;
mod setting;
mod table;
mod value;
mod value_of_data;

pub use choice::{
    ActivationKind, ClassWeights, DecayKind, EdgeKind, FanInKind, FilterKind, GrownKind, GrowthKind, Keep, Missing,
    ModelKind, PruningKind, Scaling, ScheduleKind, StorageKind, TaskKind, TopologyKind, score_name, score_text,
};
pub use file::{RECORD, SettingsFile};
pub use invalid::{Invalid, Place};
pub use setting::Group;
pub(crate) use setting::shown;
pub use table::{Condition, Config, Given, LANES, Setting, TABLE};
pub(crate) use value::choice;
pub use value::{Bound, Choice, Kind, Outside, Range, Value};
