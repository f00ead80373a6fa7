//! How drawings look in answers.

use atelier_jobs::GenerationRequest;
use serde::Serialize;
use utoipa::ToSchema;

use super::request::DrawingRequest;

/// What is drawn, as it can be asked for again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Drawing)]
pub(crate) struct DrawingView {
    #[serde(flatten)]
    request: DrawingRequest,
    /// The digits of `seed`, for programs that round large numbers.
    seed_text: String,
    /// What the file of the start picture was called.
    #[schema(required)]
    start_name: Option<String>,
    /// What the file of its mask was called.
    #[schema(required)]
    mask_name: Option<String>,
}

impl From<GenerationRequest> for DrawingView {
    fn from(job: GenerationRequest) -> Self {
        let start = job.start.as_ref();
        let mask = start.and_then(|start| start.mask.as_ref());
        Self {
            seed_text: job.request.seed.to_string(),
            start_name: start.map(|start| start.picture.name.clone()),
            mask_name: mask.map(|mask| mask.name.clone()),
            request: job.into(),
        }
    }
}
