//! Building blocks of every model family: layers with named parameters, adapters attached from outside, the optimizer.
//!
//! Shapes in names: `b` batch, `c` channels, `h w` height width, `s` sequence, `d` features, `n` heads; of a kernel `o`
//! channels out, `i` channels in. Pictures have their channels last between layers.

pub mod activation;
pub mod adamw;
pub mod attention;
pub mod device;
pub mod ema;
pub mod gradients;
pub mod init;
pub mod kernels;
pub mod layers;
pub mod layout;
pub mod learning_rate;
pub mod lora;
pub mod params;
pub mod recompute;
pub mod resample;
pub mod visit;

pub use layers::{Conv2d, Embedding, GroupNorm, LayerNorm, Linear};
pub use params::{Engine, Init, KeptWeights, ParamError, ParamSource, Params};
pub use visit::{Visit, Visitor};
