//! Which pictures, which noise and which timesteps each step gets. Everything follows from the seed and the step's number,
//! so that a resumed run needs no state of its own.

use atelier_core::{Seed, StepCount};
use atelier_diffusion::noise::TorchGenerator;

/// Streams of random numbers that must not share a seed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    /// The order of pictures in an epoch.
    Shuffle,
    /// Noise and timesteps of a step.
    Noise,
    /// Which captions are left out in a step.
    Dropout,
    /// The sample that is drawn from a picture's latent distribution.
    Latent,
    /// Starting values of the factors.
    Start,
}

/// A generator for the `index`-th use of a stream.
pub(crate) fn generator(seed: Seed, stream: Stream, index: u64) -> TorchGenerator {
    TorchGenerator::new(Seed(mixed(seed, stream, index)))
}

/// A seed for the `index`-th use of a stream: `SplitMix64` over the three numbers.
pub(crate) fn mixed(seed: Seed, stream: Stream, index: u64) -> u64 {
    let mut value = seed.0 ^ (stream as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    value = value
        .wrapping_add(index.wrapping_mul(0xD1B5_4A32_D192_ED03))
        .wrapping_add(0x9E37_79B9_7F4A_7C15);
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// How a run is cut into epochs and steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) seed: Seed,
    pub(crate) count: StepCount,
}

impl Order {
    /// Optimizer steps of one epoch; the last batch may be smaller.
    pub(crate) fn steps_per_epoch(self) -> u64 {
        self.count.steps_per_epoch()
    }

    /// Optimizer steps of the run.
    pub(crate) fn total_steps(self) -> u64 {
        self.count.total()
    }

    /// The epoch of a step that counts from 0; counts from 1.
    pub(crate) fn epoch_of(self, step: u64) -> usize {
        (step / self.steps_per_epoch()) as usize + 1
    }

    /// The pictures of a step that counts from 0.
    pub(crate) fn batch(self, step: u64) -> Vec<usize> {
        let (epoch, within) = (
            step / self.steps_per_epoch(),
            (step % self.steps_per_epoch()) as usize,
        );
        let StepCount {
            pictures,
            batch_size,
            ..
        } = self.count;
        let order =
            generator(self.seed, Stream::Shuffle, epoch).randperm(self.count.pictures_per_epoch());
        let batch = order.chunks(batch_size).nth(within).unwrap_or_default();
        batch.iter().map(|place| place % pictures).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(repeats: usize) -> Order {
        Order {
            seed: Seed(3),
            count: StepCount {
                pictures: 10,
                repeats,
                epochs: 2,
                batch_size: 4,
            },
        }
    }

    #[test]
    fn repeated_pictures_are_seen_as_often_as_asked_in_every_epoch() {
        let order = order(3);
        assert_eq!((order.steps_per_epoch(), order.total_steps()), (8, 16));
        for first in [0, 8] {
            let seen: Vec<_> = (first..first + 8)
                .flat_map(|step| order.batch(step))
                .collect();
            let times = |picture| seen.iter().filter(|&&other| other == picture).count();
            assert!((0..10).all(|picture| times(picture) == 3));
        }
    }

    #[test]
    fn every_picture_is_seen_once_an_epoch_in_another_order_each_time() {
        let order = order(1);
        assert_eq!((order.steps_per_epoch(), order.total_steps()), (3, 6));
        let epoch = |first: u64| {
            (first..first + 3)
                .flat_map(|step| order.batch(step))
                .collect::<Vec<_>>()
        };
        let (one, two) = (epoch(0), epoch(3));
        let sorted = |mut seen: Vec<usize>| {
            seen.sort_unstable();
            seen
        };
        assert_ne!(one, two);
        assert_eq!(sorted(one), (0..10).collect::<Vec<_>>());
        assert_eq!(sorted(two), (0..10).collect::<Vec<_>>());
        assert_eq!((order.epoch_of(2), order.epoch_of(3)), (1, 2));
    }

    #[test]
    fn streams_and_steps_have_different_seeds() {
        let mut seeds: Vec<u64> = [
            Stream::Shuffle,
            Stream::Noise,
            Stream::Dropout,
            Stream::Latent,
            Stream::Start,
        ]
        .into_iter()
        .flat_map(|stream| (0..100).map(move |index| mixed(Seed(0), stream, index)))
        .collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 500);
    }
}
