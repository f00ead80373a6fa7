//! Doors: APIs of other houses over the same library, queue and bases, so that programs that were written for those work with
//! this studio. They have no logic of trainings, drawings or uploads; what they stand on is [`atelier_server::door`].

mod a1111;
mod ending;
mod key;
mod leonardo;
mod whole;

use atelier_server::door::App;
use axum::Router;

/// Every place of every door, for [`atelier_server::Services`].
pub fn routes() -> Router<App> {
    leonardo::routes().merge(a1111::routes())
}
