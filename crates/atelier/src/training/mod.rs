//! Trainings, however they are asked for: what they will take, and runs of the library from beginning to end.

mod devices;
mod duration;
mod library_run;
mod plan;
mod speed;

pub(crate) use duration::{Thought, estimate};
pub(crate) use library_run::{LibraryRun, Trained};
pub(crate) use plan::{Expected, FoundPictures, TrainPlan};
