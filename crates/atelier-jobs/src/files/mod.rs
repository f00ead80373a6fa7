//! The files by which the queue and its workers speak with each other, below the folder of a job.

mod attempt;
mod fence;
pub(crate) mod finished;
pub(crate) mod inputs;
mod manifest;
mod order;

pub use attempt::AttemptFiles;
pub use fence::{Fence, FencePermit};
pub use manifest::{Drawn, Manifest, ManifestFile};
pub(crate) use order::VERSION;
pub use order::{Failed, Order, Report};
