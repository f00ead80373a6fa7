//! A Brownian motion that is the same whatever is asked of it first (Li et al. 2020, "Scalable gradients for stochastic
//! differential equations"): the values of torchsde's `BrownianInterval` with `halfway_tree`, `tol=1e-6` and `pool_size=24`.
//!
//! An interval is halved until its parts begin and end where the question does. The noise of each half comes from a seed of
//! its own, derived from the seed of the whole and from its place in the tree; nothing is kept between questions.

use atelier_core::Seed;

use super::NoiseSource;
use super::seed_sequence::SeedSequence;

/// One Brownian motion over an interval of times.
pub(crate) struct BrownianMotion {
    source: Box<dyn NoiseSource>,
    entropy: u64,
    size: usize,
    start: f64,
    end: f64,
    /// The increment over the whole interval.
    whole: Vec<f32>,
}

/// A part of the interval with the increment over it.
struct Part {
    start: f64,
    end: f64,
    /// Position among the parts of its depth.
    position: u64,
    depth: u64,
    increment: Vec<f32>,
}

impl BrownianMotion {
    /// The motion of `size` values from time `start` to `end`, with noise of the kind of `source`.
    pub(crate) fn new(
        source: &dyn NoiseSource,
        seed: Seed,
        size: usize,
        range: (f32, f32),
    ) -> Self {
        let (start, end) = (f64::from(range.0), f64::from(range.1));
        let mut motion = Self {
            source: source.reseeded(seed),
            entropy: seed.0,
            size,
            start: rounded(start),
            end: rounded(end),
            whole: Vec::new(),
        };
        let deviation = (end - start).sqrt() as f32;
        motion.whole = motion.noise(&[]);
        motion
            .whole
            .iter_mut()
            .for_each(|value| *value *= deviation);
        motion
    }

    /// The increment from time `from` to the later time `to`, both cut to the interval.
    pub(crate) fn increment(&self, from: f64, to: f64) -> Vec<f32> {
        let inside = |time: f64| rounded(time.clamp(self.start, self.end));
        let (from, to) = (inside(from), inside(to));
        if from >= to {
            return vec![0.0; self.size];
        }
        let whole = Part {
            start: self.start,
            end: self.end,
            position: 0,
            depth: 0,
            increment: self.whole.clone(),
        };
        self.within(whole, from, to)
    }

    /// The increment between two times inside `part`.
    fn within(&self, part: Part, from: f64, to: f64) -> Vec<f32> {
        #[expect(clippy::float_cmp, reason = "all times are rounded to the same digits")]
        if from == part.start && to == part.end {
            return part.increment;
        }
        let (left, right) = self.halves(&part);
        let middle = left.end;
        if to <= middle {
            self.within(left, from, to)
        } else if from >= middle {
            self.within(right, from, to)
        } else {
            let mut sum = self.within(left, from, middle);
            let rest = self.within(right, middle, to);
            sum.iter_mut().zip(rest).for_each(|(a, b)| *a += b);
            sum
        }
    }

    fn halves(&self, part: &Part) -> (Part, Part) {
        let middle = rounded(0.5 * (part.end + part.start));
        let inverse = 1.0 / (part.end - part.start);
        let (before, after) = (middle - part.start, part.end - middle);
        let deviation = (before * after * inverse).sqrt() as f32;
        let (before, inverse) = (before as f32, inverse as f32);
        let noise = self.noise(&[part.position, part.depth]);
        let parent = part.increment.iter().zip(noise);
        let left: Vec<f32> = parent
            .map(|(whole, noise)| before * whole * inverse + deviation * noise)
            .collect();
        let parent = part.increment.iter().zip(&left);
        let right = parent.map(|(whole, left)| whole - left).collect();
        let child = |start, end, side, increment| Part {
            start,
            end,
            position: 2 * part.position + side,
            depth: part.depth + 1,
            increment,
        };
        (
            child(part.start, middle, 0, left),
            child(middle, part.end, 1, right),
        )
    }

    fn noise(&self, place: &[u64]) -> Vec<f32> {
        let seeds = SeedSequence::new(self.entropy, place).state(1);
        let seed = Seed(u64::from(seeds[0]));
        self.source.reseeded(seed).values(self.size)
    }
}

/// Six decimal digits, as Python rounds: the digits of the exact value, ties to even.
fn rounded(time: f64) -> f64 {
    format!("{time:.6}")
        .parse()
        .expect("a formatted number is a number")
}
