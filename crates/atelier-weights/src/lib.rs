//! Weights on disk: safetensors files with hard limits, model folders, adapter files, hashes, and writing that leaves
//! nothing half-done. Knows no tensor library.

pub mod adapter;
pub mod atomic;
mod dtype;
mod error;
mod hash;
mod header;
mod model_folder;
mod tensor_file;
mod writer;

pub use dtype::DType;
pub use error::Error;
pub use hash::{sha256_file, sha256_hex};
pub use header::TensorInfo;
pub use model_folder::ModelFolder;
pub use tensor_file::TensorFile;
pub use writer::{OutTensor, write_tensors};

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
