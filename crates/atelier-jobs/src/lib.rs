//! The queue: what was asked for gets done once, by processes that may die at any instant, under a supervisor that may die too.
//!
//! The library's rows are the truth; files and processes are hints. An attempt is noted before it is begun, a number in a file
//! says which attempt may give results, and a result is published in the transaction that ends the job.
//! Knows no tensor and no HTTP.

mod alive;
mod bell;
mod board;
mod child_process;
mod error;
mod executor;
mod files;
mod judge;
mod queue;
mod request;
mod settings;
mod supervisor;
mod turns;
mod worker;

pub use board::{Changes, JobSnapshot};
pub use child_process::ChildProcess;
pub use error::{Error, Result};
pub use executor::{Executor, KILLED, Standing, Ticket};
pub use files::{
    AttemptFiles, Drawn, Failed, Fence, FencePermit, Manifest, ManifestFile, Order, Report,
};
pub use queue::{Queue, retry};
pub use request::{GenerationRequest, ModelUse, StartUse, StartUsed, TrainingRequest};
pub use settings::{Breakpoint, FreeBytes, Limits, Note, Settings};
pub use supervisor::Supervisor;
pub use worker::{EXIT_STOPPED, EXIT_SUPERSEDED, Worker, give_way};
