//! Learning rate over the steps of a training.

use std::f64::consts::PI;

/// How the rate moves after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decay {
    /// Stays.
    Constant,
    /// Falls to zero along half a cosine.
    Cosine,
    /// Stays, and falls in a straight line to zero over the last `steps`, so that a training can be made longer
    /// from any point before them (Hägele et al. 2024).
    Cooldown {
        /// Steps of the fall.
        steps: u64,
    },
}

/// A rate that rises linearly and then stays or falls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearningRate {
    /// The rate after the warm-up.
    pub peak: f64,
    /// Steps of the rise.
    pub warmup_steps: u64,
    /// Steps of the whole training.
    pub total_steps: u64,
    /// What comes after the rise.
    pub decay: Decay,
}

impl LearningRate {
    /// The rate of `step`, counted from 0.
    pub fn at(&self, step: u64) -> f64 {
        if step < self.warmup_steps {
            return self.peak * (step + 1) as f64 / self.warmup_steps as f64;
        }
        match self.decay {
            Decay::Constant => self.peak,
            Decay::Cooldown { steps } => {
                let left = self.total_steps.saturating_sub(step);
                self.peak * (left as f64 / steps.max(1) as f64).min(1.0)
            }
            Decay::Cosine => {
                let span = self.total_steps.saturating_sub(self.warmup_steps).max(1) as f64;
                let done = ((step - self.warmup_steps) as f64 / span).min(1.0);
                self.peak * 0.5 * (1.0 + (PI * done).cos())
            }
        }
    }

    /// The highest rate that a step of the training has: below the peak where the rise is longer than the training.
    pub fn highest(&self) -> f64 {
        let top = self.warmup_steps.clamp(1, self.total_steps.max(1));
        self.at(top - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_until_the_last_steps_and_falls_to_zero_over_them() {
        let rate = LearningRate {
            peak: 2.0,
            warmup_steps: 4,
            total_steps: 100,
            decay: Decay::Cooldown { steps: 20 },
        };
        assert!((rate.at(1) - 1.0).abs() < 1e-12);
        assert!((rate.at(4) - 2.0).abs() < 1e-12);
        assert!((rate.at(80) - 2.0).abs() < 1e-12);
        assert!((rate.at(90) - 1.0).abs() < 1e-12);
        assert!(rate.at(100).abs() < 1e-12);
    }

    #[test]
    fn rises_then_falls_to_zero_along_a_cosine() {
        let rate = LearningRate {
            peak: 2.0,
            warmup_steps: 4,
            total_steps: 104,
            decay: Decay::Cosine,
        };
        assert!((rate.at(0) - 0.5).abs() < 1e-12);
        assert!((rate.at(3) - 2.0).abs() < 1e-12);
        assert!((rate.at(54) - 1.0).abs() < 1e-12);
        assert!(rate.at(104).abs() < 1e-12);
    }

    #[test]
    fn a_rise_that_is_longer_than_the_training_never_reaches_its_peak() {
        let highest = |warmup_steps| {
            let rate = LearningRate {
                peak: 2.0,
                warmup_steps,
                total_steps: 160,
                decay: Decay::Constant,
            };
            let steps = (0..160).map(|step| rate.at(step));
            let highest = steps.fold(0.0, f64::max);
            assert!((rate.highest() - highest).abs() < 1e-12);
            highest
        };
        assert!((highest(500) - 0.64).abs() < 1e-12);
        for warmup_steps in [0, 16, 160] {
            assert!((highest(warmup_steps) - 2.0).abs() < 1e-12);
        }
    }

    #[test]
    fn constant_stays_at_the_peak() {
        let rate = LearningRate {
            peak: 1e-4,
            warmup_steps: 0,
            total_steps: 10,
            decay: Decay::Constant,
        };
        assert!((0..20).all(|step| (rate.at(step) - 1e-4).abs() < 1e-18));
    }
}
