//! Long pieces of work: who does them, what they get from their surroundings, how far they are, and where they stand in the queue.

mod context;
mod job_state;
mod progress;
mod traits;

pub use context::{AlwaysPermitted, CancelFlag, Clock, Permit, RunContext};
pub use job_state::{JobKind, JobState, JobWish};
pub use progress::{Phase, Progress, ProgressSink, SilentProgress};
pub use traits::{Generator, Outcome, Picture, TrainReport, TrainRequest, Trainer};
