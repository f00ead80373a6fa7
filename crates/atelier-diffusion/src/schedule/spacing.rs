//! Which timesteps a number of steps visits, counted as `NumPy` counts them.

use super::config::{ScheduleConfig, TimestepSpacing};

/// What the three spacings are counted from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    /// Timesteps of the training.
    train: usize,
    /// Timesteps that may be visited: all, or those above a smallest signal-to-noise ratio.
    usable: usize,
    offset: f64,
    steps: usize,
}

impl Grid {
    /// The grid of `steps` steps over the whole schedule.
    pub(crate) fn new(config: &ScheduleConfig, steps: usize) -> Self {
        Self {
            train: config.num_train_timesteps,
            usable: config.num_train_timesteps,
            offset: config.steps_offset as f64,
            steps,
        }
    }

    /// The same over the first `usable` timesteps only.
    pub(crate) fn limited_to(self, usable: usize) -> Self {
        Self { usable, ..self }
    }

    /// One timestep per step, from the noisiest on; fractional with [`TimestepSpacing::Linspace`] alone.
    pub(crate) fn timesteps(self, spacing: TimestepSpacing) -> Vec<f64> {
        let steps = self.steps;
        match spacing {
            TimestepSpacing::Linspace => {
                let mut timesteps = linspace(0.0, (self.usable - 1) as f64, steps);
                timesteps.reverse();
                timesteps
            }
            TimestepSpacing::Leading => {
                let stride = self.usable / steps;
                let index = (0..steps).rev();
                index
                    .map(|index| (index * stride) as f64 + self.offset)
                    .collect()
            }
            TimestepSpacing::Trailing => self.trailing(),
        }
    }

    /// The starts of as many intervals, which end where the next one starts and at the first timestep: what DPM-Solver and
    /// `UniPC` visit. Whole numbers.
    pub(crate) fn interval_starts(self, spacing: TimestepSpacing) -> Vec<f64> {
        let steps = self.steps;
        match spacing {
            TimestepSpacing::Linspace => {
                let edges = linspace(0.0, (self.usable - 1) as f64, steps + 1);
                let starts = edges.into_iter().skip(1).rev();
                starts.map(f64::round_ties_even).collect()
            }
            TimestepSpacing::Leading => {
                let stride = self.usable / (steps + 1);
                let index = (1..=steps).rev();
                index
                    .map(|index| (index * stride) as f64 + self.offset)
                    .collect()
            }
            TimestepSpacing::Trailing => self.trailing(),
        }
    }

    /// Whole strides back from the last usable timestep.
    fn trailing(self) -> Vec<f64> {
        let last = self.usable as f64;
        let stride = self.train as f64 / self.steps as f64;
        // NumPy's `arange` steps by the rounded difference of its first two values
        let step = (last - stride) - last;
        (0..self.steps)
            .map(|index| (last + index as f64 * step).round_ties_even() - 1.0)
            .take_while(|&timestep| timestep >= 0.0)
            .collect()
    }
}

/// `numpy.linspace` in double precision.
pub(crate) fn linspace(start: f64, end: f64, count: usize) -> Vec<f64> {
    let step = (end - start) / count.saturating_sub(1).max(1) as f64;
    let mut values: Vec<f64> = (0..count)
        .map(|index| index as f64 * step + start)
        .collect();
    if count > 1 {
        values[count - 1] = end;
    }
    values
}
