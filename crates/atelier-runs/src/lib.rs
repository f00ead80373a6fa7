//! Trainings, however they are asked for: what they will take, and runs of the library from beginning to end.

mod devices;
mod duration;
mod library_run;
mod plan;
mod speed;
mod trigger_word;

pub use duration::{Thought, estimate};
pub use library_run::{LibraryRun, Trained};
pub use plan::{Expected, FoundPictures, TrainPlan};
pub use trigger_word::{JudgedWord, used_trigger_words};
