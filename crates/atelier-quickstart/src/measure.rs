//! How much more like the character the drawings are with the adapter than without.

use std::collections::BTreeMap;

use atelier_eval::{Feature, Spread, likeness, mutual_likeness};
use serde::Serialize;

use crate::draw::Drawings;
use crate::plan::{FULL, Look, Plan, SEEDS, Shot};

/// What was measured, in similarities from -1 to 1.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Measurement {
    /// Number of pictures that drawings are compared with; the training saw none of them.
    pub(crate) references: usize,
    /// How alike those pictures are among themselves.
    pub(crate) among_references: f32,
    /// One row per seed.
    pub(crate) seeds: Vec<SeedScore>,
    /// The adapter's likeness minus the base's, its mean over the seeds.
    pub(crate) gain: f32,
    /// Standard deviation of the gain over the seeds.
    pub(crate) gain_standard_deviation: f32,
    /// Likeness of each column of the sheet, at the first seed.
    pub(crate) columns: Vec<f32>,
}

/// Likeness of the drawings from one seed.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct SeedScore {
    /// The seed.
    pub(crate) seed: u64,
    /// Without an adapter.
    pub(crate) base: f32,
    /// With the finished adapter at strength 1.
    pub(crate) adapter: f32,
}

impl Measurement {
    /// Compares drawings with pictures of the character.
    pub(crate) fn of(plan: &Plan, drawings: &Drawings, references: &[Feature]) -> Self {
        let features: BTreeMap<Shot, Feature> = drawings
            .iter()
            .map(|(shot, drawing)| (*shot, Feature::of(&drawing.picture)))
            .collect();
        let score = |look: Look, seed: u64| {
            let chosen = features
                .iter()
                .filter(|(shot, _)| shot.look == look && shot.seed == seed);
            let chosen: Vec<_> = chosen.map(|(_, feature)| feature.clone()).collect();
            likeness(&chosen, references)
        };
        let seeds: Vec<_> = (0..SEEDS)
            .map(|seed| SeedScore {
                seed: plan.config.seed.nth(seed).0,
                base: score(Look::Base, seed),
                adapter: score(plan.finished(FULL), seed),
            })
            .collect();
        let gains: Vec<_> = seeds.iter().map(|row| row.adapter - row.base).collect();
        let spread = Spread::of(&gains);
        let columns = plan.columns();
        Self {
            references: references.len(),
            among_references: mutual_likeness(references),
            seeds,
            gain: spread.mean,
            gain_standard_deviation: spread.standard_deviation,
            columns: columns.iter().map(|column| score(column.look, 0)).collect(),
        }
    }

    /// Likeness without and with the adapter, the means over the seeds.
    pub(crate) fn means(&self) -> (f32, f32) {
        let of = |pick: fn(&SeedScore) -> f32| {
            Spread::of(&self.seeds.iter().map(pick).collect::<Vec<_>>()).mean
        };
        (of(|row| row.base), of(|row| row.adapter))
    }

    /// What the numbers mean.
    pub(crate) fn verdict(&self) -> &'static str {
        let always = self.seeds.iter().all(|row| row.adapter > row.base);
        if self.gain <= 0.0 {
            "By this measure the adapter did not bring the drawings closer to the character."
        } else if always && self.gain > 2.0 * self.gain_standard_deviation {
            "With the adapter the drawings are more like the character, by clearly more than the seeds differ."
        } else {
            "With the adapter the drawings are somewhat more like the character, but not by much more than the seeds \
             differ: it may be chance."
        }
    }
}

#[cfg(test)]
mod tests {
    use atelier_core::Seed;
    use atelier_data::RgbPicture;

    use super::*;
    use crate::draw::Drawing;

    /// A square of one colour in the middle of white, `side` pixels wide.
    fn square(side: usize, color: [u8; 3]) -> RgbPicture {
        let inside =
            |i: usize| (i % 64).abs_diff(32) < side / 2 && (i / 64).abs_diff(32) < side / 2;
        let pixel = |i: usize| if inside(i) { color } else { [255; 3] };
        RgbPicture {
            width: 64,
            height: 64,
            rgb: (0..64 * 64).flat_map(pixel).collect(),
        }
    }

    /// Drawings that are small and blue without the adapter, and as `with` says with it.
    fn measured(with: impl Fn(Shot) -> RgbPicture) -> Measurement {
        let plan = Plan::new(4, Seed(5)).unwrap();
        let draw = |shot: Shot| match shot.look {
            Look::Base => square(10 + 2 * shot.seed as usize, [0, 0, 250]),
            Look::Adapter { .. } => with(shot),
        };
        let drawing = |shot: Shot| Drawing {
            file: String::new(),
            picture: draw(shot),
        };
        let shots = plan.shots().into_iter();
        let drawings = shots.map(|shot| (shot, drawing(shot))).collect();
        let references = [40, 42].map(|side| Feature::of(&square(side, [250, 190, 0])));
        Measurement::of(&plan, &drawings, &references)
    }

    #[test]
    fn a_character_that_is_met_shows_as_a_gain_over_every_seed() {
        let found = measured(|_| square(40, [250, 190, 0]));
        assert!(found.gain > 0.2 && found.gain > 2.0 * found.gain_standard_deviation);
        assert!(found.verdict().contains("clearly"));
        let (base, adapter) = found.means();
        assert!((adapter - base - found.gain).abs() < 1e-5);
        assert_eq!(
            found.seeds.iter().map(|row| row.seed).collect::<Vec<_>>(),
            [5, 6, 7]
        );
        assert_eq!((found.columns.len(), found.references), (9, 2));
        assert!(found.columns[0] < found.columns[4]);
    }

    #[test]
    fn drawings_that_got_worse_are_called_so() {
        let found = measured(|_| square(0, [0; 3]));
        assert!(found.gain < 0.0, "{}", found.gain);
        assert!(found.verdict().contains("did not"));
    }

    #[test]
    fn a_gain_within_the_spread_is_called_chance() {
        let found = measured(|shot| match shot.seed {
            0 => square(40, [250, 190, 0]),
            seed => square(10 + 2 * seed as usize, [0, 0, 250]),
        });
        assert!(found.gain > 0.0 && found.verdict().contains("chance"));
    }
}
