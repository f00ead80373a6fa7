//! How much of the picture each timestep of the training keeps, for samplers that step between whole timesteps.

use super::walk::Mixtures;
use crate::schedule::course::Course;
use crate::schedule::prediction::Mixture;
use crate::schedule::{PredictionType, Result, ScheduleError, TimestepSpacing};

/// Share of the picture's variance that is left at each timestep of the training.
#[derive(Debug)]
pub(super) struct Alphas(pub(super) Vec<f32>);

impl Alphas {
    /// The share at a timestep; none before the first and after the last one.
    pub(super) fn at(&self, timestep: i64) -> Option<f32> {
        let index = usize::try_from(timestep).ok()?;
        self.0.get(index).copied()
    }

    /// The share after the last step: everything, or that of the first timestep.
    pub(super) fn end(&self, clean: bool) -> f32 {
        if clean { 1.0 } else { self.0[0] }
    }

    /// The walk through these timesteps.
    pub(super) fn walk(&self, course: &Course<'_>, timesteps: &[i64]) -> Result<Mixtures> {
        let levels = timesteps.iter().map(|&timestep| {
            // pure noise has no predicted picture when the noise is what is predicted
            let usable = |alpha: &f32| {
                *alpha > 0.0 || course.config.prediction_type == PredictionType::VPrediction
            };
            let alpha = self.at(timestep).filter(usable);
            let alpha = alpha.ok_or_else(|| self.refusal(course, timestep))?;
            Ok(Mixture::from_alpha(alpha))
        });
        Ok(Mixtures {
            levels: levels.collect::<Result<_>>()?,
            timesteps: timesteps.iter().map(|&timestep| timestep as f32).collect(),
        })
    }

    /// Says that a walk cannot visit `timestep`.
    pub(super) fn refusal(&self, course: &Course<'_>, timestep: i64) -> ScheduleError {
        ScheduleError::Timestep {
            steps: course.steps,
            timestep,
            count: self.0.len(),
        }
    }
}

/// The timesteps of a course as whole numbers, with leading spacing where nothing else is said.
pub(super) fn whole_timesteps(course: &Course<'_>) -> Vec<i64> {
    let spacing = course.spacing(TimestepSpacing::Leading);
    let timesteps = course.grid().timesteps(spacing).into_iter();
    timesteps
        .map(|timestep| timestep.round_ties_even() as i64)
        .collect()
}

/// How many timesteps of the training one step covers.
pub(super) fn stride(course: &Course<'_>) -> i64 {
    (course.config.num_train_timesteps / course.steps).cast_signed() as i64
}
