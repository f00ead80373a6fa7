//! Trains an adapter: pictures and captions are encoded once, then the denoiser learns with only the adapter's factors
//! moving. A run follows from its inputs and seed alone, and continues after a stop as if it had never stopped.

mod bench;
mod cache;
mod checkpoint;
mod error;
mod factors;
mod memory;
mod notes;
mod order;
mod place;
mod plan_notes;
mod previews;
mod record;
mod run;
mod step;
mod trainer;
mod work;

pub use bench::{BenchReport, BenchStep, bench_step};
pub use cache::caption_note;
pub use checkpoint::{saved_steps, trained_side};
pub use error::{Error, Result};
pub use factors::{AdapterFactors, FactorSlot};
pub use memory::{
    MemoryPlan, PreviewMemory, Room, StepMemory, StepShape, drawing_bytes, step_batch,
};
pub use plan_notes::plan_notes;
pub use previews::{PreviewPlan, PreviewWork};
pub use record::{recorded_pictures, recorded_recompute};
pub use step::{Batch, StepLoss, training_step};
pub use trainer::{LoraTrainer, check_resolution};
pub use work::StepWork;
