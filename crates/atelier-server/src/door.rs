//! What doors stand on: other APIs over the same library, queue and planner, in crates of their own. They have no logic of
//! trainings, drawings or uploads, and call the functions behind this house's own handlers.

pub use crate::app::App;
pub use crate::datasets::upload::single::add_from_form;
pub use crate::door_mappings::lookup::{is_known_model, mapped_base};
pub use crate::door_mappings::words::{MODELS, known as known_words};
pub use crate::drawings::request::{DrawingRequest, StartWish, UsedModel};
pub use crate::drawings::start::start as start_drawing;
pub use crate::drawings::start_pictures::keep::keep as keep_start_picture;
pub use crate::extract::{AppFor, QueryOf, json_within};
pub use crate::pictures::from_picture::{AddPicture, AddedPicture, copy as copy_picture};
pub use crate::trainings::bases::known as known_base;
pub use crate::trainings::start::start_under_free_name as start_training;
pub use crate::trainings::wish::TrainingRequest;
pub use atelier_http::answer::disposition::Disposition;
pub use atelier_http::answer::file::KeptFile;
pub use atelier_http::answer::{Failure, Json, Result};
pub use atelier_http::work::{Place, Work};
