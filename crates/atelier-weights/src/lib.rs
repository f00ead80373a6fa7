//! Weights on disk: safetensors files with hard limits, model folders, hashes, writing that leaves nothing half-done, and files
//! that others do not read. Knows no tensor library.

pub mod atomic;
pub mod bake;
mod checkpoint;
mod dtype;
mod error;
mod expected;
mod hash;
mod header;
mod json;
mod model_files;
mod model_folder;
mod part;
pub mod private;
mod report;
mod tensor_bytes;
mod tensor_file;
mod writer;

pub use checkpoint::{
    Architecture, Checkpoint, Evidence, Prediction, PredictionType, companion_names,
    is_checkpoint_name,
};
pub use dtype::DType;
pub use error::{Error, first_names};
pub use expected::expected_tensors;
pub use hash::{FileHashes, HashSource, ReadFiles, hash_file, sha256_file, sha256_hex};
pub use header::TensorInfo;
pub use json::{MAX_CONFIG_BYTES, quote_infinities, read_json, read_limited};
pub use model_files::{Layout, ModelFiles};
pub use model_folder::{FolderChoice, ModelFolder, PartWeights, is_pickled, shard_files};
pub use part::PartTensors;
pub use report::{Misshapen, PartReport, Report};
pub use tensor_bytes::TensorBytes;
pub use tensor_file::TensorFile;
pub use writer::{FileLayout, Hashes, OutTensor, StoredBytes, write_stored, write_tensors};

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
