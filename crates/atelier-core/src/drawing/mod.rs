//! What decides a picture: the request, and the choices in it.

mod generate_request;
mod noise_kind;
mod prompt_syntax;
mod sampler;
mod schedule_kind;
mod start_image;
mod vae_tiling;

pub use generate_request::GenerateRequest;
pub use noise_kind::NoiseKind;
pub use prompt_syntax::PromptSyntax;
pub use sampler::SamplerKind;
pub use schedule_kind::ScheduleKind;
pub use start_image::{StartImage, StartPixels};
pub use vae_tiling::VaeTiling;
