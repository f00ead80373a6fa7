//! Exponential moving average of weights, with the warm-up that keeps the first steps from dominating.

/// Averages weights over training steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ema {
    /// Largest decay, such as 0.999.
    pub decay: f64,
}

impl Ema {
    /// The decay at `step`, counted from 1: `min(decay, (1 + step) / (10 + step))`.
    pub fn decay_at(self, step: u64) -> f64 {
        self.decay.min((1.0 + step as f64) / (10.0 + step as f64))
    }

    /// Moves `average` towards `values`.
    pub fn update(self, average: &mut [f32], values: &[f32], step: u64) {
        let share = (1.0 - self.decay_at(step)) as f32;
        for (average, &value) in average.iter_mut().zip(values) {
            *average += share * (value - *average);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn average_follows_quickly_at_first_and_slowly_later() {
        let ema = Ema { decay: 0.99 };
        let mut average = vec![0.0];
        ema.update(&mut average, &[1.0], 1);
        assert!((average[0] - (1.0 - 2.0 / 11.0)).abs() < 1e-6);
        assert!((ema.decay_at(1_000_000) - 0.99).abs() < 1e-12);
    }
}
