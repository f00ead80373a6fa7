//! How many steps a training takes, and why.

use std::fmt;

/// The sum that the steps of a training come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepCount {
    /// Pictures of the dataset.
    pub pictures: usize,
    /// How often an epoch takes each of them.
    pub repeats: usize,
    /// Passes over the pictures.
    pub epochs: usize,
    /// Pictures per step.
    pub batch_size: usize,
}

impl StepCount {
    /// Pictures that an epoch takes, each as often as it is repeated.
    pub fn pictures_per_epoch(self) -> usize {
        self.pictures * self.repeats
    }

    /// Steps of an epoch; its last batch may be smaller.
    pub fn steps_per_epoch(self) -> u64 {
        self.pictures_per_epoch().div_ceil(self.batch_size) as u64
    }

    /// Steps of the training.
    pub fn total(self) -> u64 {
        self.steps_per_epoch() * self.epochs as u64
    }

    /// How many pictures the steps have on average, as a part of the largest of them: 1 where all have as many.
    pub fn fill(self) -> f64 {
        let pictures = self.pictures_per_epoch();
        let largest = self.batch_size.min(pictures);
        let most = self.steps_per_epoch() as f64 * largest as f64;
        if most > 0.0 {
            pictures as f64 / most
        } else {
            1.0
        }
    }
}

impl fmt::Display for StepCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |count: usize, one: &str| {
            let ending = if count == 1 { "" } else { "s" };
            format!("{count} {one}{ending}")
        };
        write!(
            f,
            "{} x {} x {} / batches of {} = {} steps",
            counted(self.pictures, "picture"),
            counted(self.repeats, "repeat"),
            counted(self.epochs, "epoch"),
            self.batch_size,
            self.total()
        )?;
        let left = self.pictures_per_epoch() % self.batch_size;
        if left > 0 {
            write!(f, ", the last one of an epoch with {left}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(pictures: usize, repeats: usize, epochs: usize, batch_size: usize) -> StepCount {
        StepCount {
            pictures,
            repeats,
            epochs,
            batch_size,
        }
    }

    #[test]
    fn steps_are_as_full_as_their_last_one_lets_them_be() {
        for (count, fill) in [
            (sum(17, 1, 40, 16), 17.0 / 32.0),
            (sum(5, 1, 40, 4), 5.0 / 8.0),
            (sum(28, 2, 40, 4), 1.0),
            // The batch is never larger than an epoch.
            (sum(3, 1, 40, 16), 1.0),
            (sum(0, 1, 40, 4), 1.0),
        ] {
            assert!((count.fill() - fill).abs() < 1e-12, "{count}");
        }
    }

    #[test]
    fn the_sum_is_said_as_it_is_made() {
        let even = sum(28, 2, 40, 4);
        assert_eq!((even.steps_per_epoch(), even.total()), (14, 560));
        assert_eq!(
            even.to_string(),
            "28 pictures x 2 repeats x 40 epochs / batches of 4 = 560 steps"
        );
        let uneven = sum(28, 1, 40, 3);
        assert_eq!((uneven.steps_per_epoch(), uneven.total()), (10, 400));
        assert_eq!(
            uneven.to_string(),
            "28 pictures x 1 repeat x 40 epochs / batches of 3 = 400 steps, the last one of an epoch with 1"
        );
        assert_eq!(sum(1, 1, 1, 4).total(), 1);
        assert_eq!(sum(0, 1, 3, 4).total(), 0);
    }
}
