//! Which of the trained styles a drawing is in: logistic regression on what a network sees in a picture.

use atelier_eval::Comparable;
use atelier_nn::adamw::{AdamW, Moments, Pace};

/// Passes over all examples.
const PASSES: u64 = 300;
/// Learning rate of the weights.
const RATE: f64 = 0.05;
/// Decay of the weights per step, times the rate.
const DECAY: f64 = 1e-3;

/// One row of weights and a constant for each style.
pub(super) struct StyleProbe {
    styles: Vec<String>,
    rows: Vec<Vec<f32>>,
}

impl StyleProbe {
    /// Learns from the artists' own pictures; `examples` name the style of each.
    pub(super) fn learn<C: Comparable>(examples: &[(C, String)]) -> Self {
        let mut styles: Vec<String> = examples.iter().map(|(_, style)| style.clone()).collect();
        styles.sort_unstable();
        styles.dedup();
        let width = examples.first().map_or(0, |(e, _)| e.numbers().len()) + 1;
        let mut probe = Self {
            rows: vec![vec![0.0; width]; styles.len()],
            styles,
        };
        let wanted: Vec<usize> = examples
            .iter()
            .map(|(_, style)| {
                let at = probe.styles.binary_search(style);
                at.expect("every style is in the list")
            })
            .collect();
        let mut moments: Vec<Moments> = probe.rows.iter().map(|_| Moments::zeros(width)).collect();
        let optimizer = AdamW::with_weight_decay(DECAY);
        for step in 1..=PASSES {
            let slopes = probe.slopes(examples, &wanted);
            let rows = probe.rows.iter_mut().zip(&slopes).zip(&mut moments);
            for ((row, slopes), moments) in rows {
                optimizer.update(row, slopes, moments, Pace { step, rate: RATE });
            }
        }
        probe
    }

    /// The most likely style.
    pub(super) fn style<C: Comparable>(&self, picture: &C) -> &str {
        let shares = self.shares(picture);
        let best = (0..shares.len()).max_by(|&a, &b| shares[a].total_cmp(&shares[b]));
        best.map_or("", |best| &self.styles[best])
    }

    /// Mean gradient of the cross entropy.
    fn slopes<C: Comparable>(&self, examples: &[(C, String)], wanted: &[usize]) -> Vec<Vec<f32>> {
        let mut slopes = vec![vec![0.0; self.rows[0].len()]; self.rows.len()];
        for ((picture, _), &wanted) in examples.iter().zip(wanted) {
            for (style, share) in self.shares(picture).into_iter().enumerate() {
                let error = (share - f32::from(u8::from(style == wanted))) / examples.len() as f32;
                let (constant, weights) = slopes[style]
                    .split_last_mut()
                    .expect("a row has at least its constant");
                *constant += error;
                for (slope, value) in weights.iter_mut().zip(picture.numbers()) {
                    *slope += error * value;
                }
            }
        }
        slopes
    }

    /// How likely each style is.
    fn shares<C: Comparable>(&self, picture: &C) -> Vec<f32> {
        let score = |row: &Vec<f32>| {
            let products = row.iter().zip(picture.numbers()).map(|(w, v)| w * v);
            products.sum::<f32>() + row[row.len() - 1]
        };
        let scores: Vec<f32> = self.rows.iter().map(score).collect();
        let highest = scores.iter().copied().fold(f32::MIN, f32::max);
        let powers: Vec<f32> = scores.iter().map(|s| (s - highest).exp()).collect();
        let sum: f32 = powers.iter().sum();
        powers.into_iter().map(|power| power / sum).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Point(Vec<f32>);

    impl Comparable for Point {
        fn numbers(&self) -> &[f32] {
            &self.0
        }
    }

    #[test]
    fn what_a_line_separates_is_told_apart_and_new_points_too() {
        let point = |x: f32, y: f32| Point(vec![x, y]);
        let examples: Vec<(Point, String)> = (0..40)
            .map(|i| {
                let (across, along) = ((i % 2) as f32, (i / 2) as f32 / 20.0);
                let style = if i % 2 == 0 { "flat" } else { "round" };
                (
                    point(0.4 + 0.2 * across + 0.1 * along, along),
                    style.to_owned(),
                )
            })
            .collect();
        let probe = StyleProbe::learn(&examples);
        let right = examples.iter().filter(|(p, style)| probe.style(p) == style);
        assert_eq!(right.count(), 40);
        assert_eq!(probe.style(&point(0.3, 0.5)), "flat");
        assert_eq!(probe.style(&point(0.8, 0.5)), "round");
    }
}
