//! How well a run learned, in as many points as a page can show.

use atelier_http::answer::{Failure, FailureBody, Json, Result};
use atelier_store::{Losses, RunId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::extract::{AppFor, PathOf, QueryOf};

/// Points that an answer has at most.
const MOST: usize = 2_000;

/// How many points are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LossQuery {
    /// How many, at most.
    #[serde(default = "usual")]
    #[param(minimum = 1, maximum = 2000, default = 500)]
    points: usize,
}

fn usual() -> usize {
    500
}

/// The losses of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunLosses {
    /// Saved steps.
    step: u64,
    /// In order; together they are of all saved steps.
    points: Vec<LossPoint>,
}

/// The losses of steps that follow on each other.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct LossPoint {
    /// The last of them, from 1.
    step: u64,
    /// Their mean.
    loss: f32,
    /// The smallest.
    least: f32,
    /// The largest.
    most: f32,
}

/// The losses of a run's saved steps, thinned to so many points.
#[utoipa::path(
    get, path = "/api/v1/runs/{run}/losses", tag = "runs",
    params(("run" = String, Path, format = "uuid"), LossQuery),
    responses((status = 200, description = "The losses.", body = RunLosses), (status = 400, body = FailureBody, description = "A value cannot be used."), (status = 404, body = FailureBody, description = "There is no such run."))
)]
pub(crate) async fn list_losses(
    AppFor(app): AppFor,
    PathOf(id): PathOf<RunId>,
    QueryOf(LossQuery { points }): QueryOf<LossQuery>,
) -> Result<Json<RunLosses>> {
    if !(1..=MOST).contains(&points) {
        let message = format!("points `{points}`: expected is a number from 1 to {MOST}");
        return Err(Failure::invalid(message));
    }
    let library = app.library();
    let losses = app.work().files(move || library.losses(id));
    let Losses { step, losses } = losses.await??;
    let points = thinned(&losses, points);
    Ok(Json(RunLosses { step, points }))
}

/// As many stretches of the same length as are wanted, or fewer.
fn thinned(losses: &[f32], most: usize) -> Vec<LossPoint> {
    let length = losses.len().div_ceil(most).max(1);
    let stretches = losses.chunks(length).enumerate();
    let points = stretches.map(|(at, stretch)| {
        let sum: f64 = stretch.iter().map(|&loss| f64::from(loss)).sum();
        LossPoint {
            step: (at * length + stretch.len()) as u64,
            loss: (sum / stretch.len() as f64) as f32,
            least: stretch.iter().copied().fold(f32::INFINITY, f32::min),
            most: stretch.iter().copied().fold(f32::NEG_INFINITY, f32::max),
        }
    });
    points.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinned_losses_are_of_every_step_and_no_more_than_wanted() {
        let losses: Vec<f32> = (1..=7).map(|step| step as f32).collect();
        let point = |step, loss, least, most| LossPoint {
            step,
            loss,
            least,
            most,
        };
        assert_eq!(
            thinned(&losses, 3),
            [
                point(3, 2.0, 1.0, 3.0),
                point(6, 5.0, 4.0, 6.0),
                point(7, 7.0, 7.0, 7.0)
            ]
        );
        assert_eq!(thinned(&losses, 100).len(), 7);
        for most in 1..20 {
            assert!(thinned(&losses, most).len() <= most);
        }
        assert!(thinned(&[], 3).is_empty());
    }
}
