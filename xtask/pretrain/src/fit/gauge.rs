//! What drawings say about an adapter: numbers from what a network sees in them.

use std::collections::HashSet;
use std::fmt;

use atelier_corpus::{Augment, compose};
use atelier_data::{RgbPicture, square_crop};
use atelier_eval::{Embedder, Embedding, Spread, likeness, nearest, similarity};

use super::{Asked, Prompt};
use crate::score::background;

/// Share of the unseen pictures that are less like a trained one than what counts as a copy.
const COPY_QUANTILE: f32 = 0.95;

/// The pictures of a dataset, to measure drawings against.
pub(super) struct Gauge<'a> {
    embedder: &'a Embedder,
    /// Those of the training, as large as drawings.
    train: Vec<Embedding>,
    /// Whether each of them stands on a background that an unseen picture has, so that what is found of both can be compared.
    comparable: Vec<bool>,
    held_out: Vec<RgbPicture>,
    held_out_embeddings: Vec<Embedding>,
    /// What the base's autoencoder leaves of both, which is the most that a drawing can be like.
    train_left: Vec<Embedding>,
    held_out_left: Vec<Embedding>,
    /// A drawing that is more like what is left of a trained picture than this may be a copy.
    copy_limit: f32,
    /// Share of the trained pictures that count as copies after they were shrunk by a tenth and passed the autoencoder.
    found_copies: f32,
}

/// What was found at one epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scores {
    /// Mean similarity to the unseen pictures, 0 to 1, of drawings on their own backgrounds.
    pub(super) likeness: f32,
    /// Share of drawings that are nearer to the unseen picture with their caption than to every other one.
    pub(super) prompt: f32,
    /// Share of drawings on a background that the training never had, that have it.
    pub(super) background: f32,
    /// Share of drawings of unseen captions that are more like a trained picture than like the unseen picture with their
    /// caption, and more than 95 % of the unseen pictures are, all as the autoencoder leaves them.
    pub(super) copies: f32,
    /// Share of drawings of trained captions that are more like a trained picture than 95 % of the unseen pictures are, all as
    /// the autoencoder leaves them.
    pub(super) trained_copies: f32,
    /// Similarity of the drawing of an unseen caption to the picture with that caption.
    pub(super) unseen_met: Met,
    /// Similarity of the drawing of a trained caption to the picture with that caption, where it stands on a background that an
    /// unseen one has. What it gains over [`unseen_met`](Self::unseen_met), beyond what it has with the base alone, was learnt
    /// by heart.
    pub(super) trained_met: Met,
}

/// A mean of similarities, with its standard error over the captions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Met {
    pub(super) mean: f32,
    pub(super) error: f32,
}

impl Met {
    fn of(similarities: &[f32]) -> Self {
        let Spread {
            mean,
            standard_deviation,
        } = Spread::of(similarities);
        let error = standard_deviation / (similarities.len().max(1) as f32).sqrt();
        Self { mean, error }
    }
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ± {:.3}", self.mean, self.error)
    }
}

impl<'a> Gauge<'a> {
    /// Drawings are of `side` pixels each way; `given_back` is what the base's autoencoder makes of pictures.
    pub(super) fn new(
        embedder: &'a Embedder,
        (train, held_out): (&[RgbPicture], Vec<RgbPicture>),
        side: usize,
        given_back: impl Fn(&[RgbPicture]) -> Vec<RgbPicture>,
    ) -> Self {
        let train: Vec<_> = train
            .iter()
            .map(|picture| square_crop(picture, side))
            .collect();
        let left = |pictures: &[RgbPicture]| embedder.embed_all(&given_back(pictures));
        let (train_left, held_out_left) = (left(&train), left(&held_out));
        let closest = |pictures: &[Embedding]| -> Vec<f32> {
            let found = pictures.iter().filter_map(|p| nearest(p, &train_left));
            found.map(|(_, similarity)| similarity).collect()
        };
        let copy_limit = quantile(closest(&held_out_left));
        let moved = closest(&left(&train.iter().map(shrunk).collect::<Vec<_>>()));
        let moved: Vec<bool> = moved.into_iter().map(|found| found > copy_limit).collect();
        Self {
            embedder,
            comparable: on_same_grounds(&train, &held_out),
            train: embedder.embed_all(&train),
            held_out_embeddings: embedder.embed_all(&held_out),
            held_out,
            found_copies: share(&moved),
            train_left,
            held_out_left,
            copy_limit,
        }
    }

    /// How many unseen and how many trained pictures there are, and how many of these on backgrounds of unseen ones.
    pub(super) fn counts(&self) -> [usize; 3] {
        let comparable = self.comparable.iter().filter(|is| **is).count();
        [self.held_out.len(), self.train.len(), comparable]
    }

    /// Likeness and prompt following of the unseen pictures themselves, shrunk by a tenth on their own backgrounds: the most
    /// that drawings can have.
    pub(super) fn of_unseen(&self) -> (f32, f32) {
        let shrunk: Vec<_> = self.held_out.iter().map(shrunk).collect();
        let embeddings = self.embedder.embed_all(&shrunk);
        let followed: Vec<bool> = embeddings
            .iter()
            .enumerate()
            .map(|(index, embedding)| self.follows(embedding, index))
            .collect();
        (
            likeness(&embeddings, &self.held_out_embeddings),
            share(&followed),
        )
    }

    fn follows(&self, embedding: &Embedding, picture: usize) -> bool {
        let found = nearest(embedding, &self.held_out_embeddings);
        found.is_some_and(|(index, _)| index == picture)
    }

    fn is_copy(&self, embedding: &Embedding, picture: usize) -> bool {
        let own = similarity(embedding, &self.held_out_left[picture]);
        self.closest_trained(embedding) > own && self.repeats_trained(embedding)
    }

    fn closest_trained(&self, embedding: &Embedding) -> f32 {
        nearest(embedding, &self.train_left).map_or(0.0, |(_, found)| found)
    }

    fn repeats_trained(&self, embedding: &Embedding) -> bool {
        self.closest_trained(embedding) > self.copy_limit
    }

    /// Share of copies that is found in the trained pictures themselves, shrunk by a tenth and as the autoencoder leaves them:
    /// what drawings that repeat them nearly would have.
    pub(super) fn found_copies(&self) -> f32 {
        self.found_copies
    }

    pub(super) fn scores(&self, prompts: &[Prompt], drawings: &[RgbPicture]) -> Scores {
        let embeddings = self.embedder.embed_all(drawings);
        let (mut followed, mut coloured, mut own) = (Vec::new(), Vec::new(), Vec::new());
        let (mut copies, mut trained_copies) = (Vec::new(), Vec::new());
        let (mut unseen_met, mut trained_met) = (Vec::new(), Vec::new());
        for ((prompt, drawing), embedding) in prompts.iter().zip(drawings).zip(embeddings) {
            match prompt.asked {
                Asked::Unseen(picture) => {
                    followed.push(self.follows(&embedding, picture));
                    copies.push(self.is_copy(&embedding, picture));
                    unseen_met.push(similarity(&embedding, &self.held_out_embeddings[picture]));
                    own.push(embedding);
                }
                Asked::Trained(picture) => {
                    trained_copies.push(self.repeats_trained(&embedding));
                    if self.comparable[picture] {
                        trained_met.push(similarity(&embedding, &self.train[picture]));
                    }
                }
                Asked::Background(colour) => coloured.push(background(drawing) == colour),
            }
        }
        Scores {
            likeness: likeness(&own, &self.held_out_embeddings),
            prompt: share(&followed),
            background: share(&coloured),
            copies: share(&copies),
            trained_copies: share(&trained_copies),
            unseen_met: Met::of(&unseen_met),
            trained_met: Met::of(&trained_met),
        }
    }
}

/// Whether each picture of the training stands on a background that an unseen one has; where none does, all count.
fn on_same_grounds(train: &[RgbPicture], held_out: &[RgbPicture]) -> Vec<bool> {
    let unseen: HashSet<&str> = held_out.iter().map(background).collect();
    let same = train
        .iter()
        .map(|picture| unseen.contains(background(picture)));
    let same: Vec<bool> = same.collect();
    let none = !same.contains(&true);
    same.into_iter().map(|same| same || none).collect()
}

/// A square picture at nine tenths of its size, on the colour of its corner.
fn shrunk(picture: &RgbPicture) -> RgbPicture {
    let opaque = picture.rgb.chunks_exact(3);
    let rgba: Vec<u8> = opaque.flat_map(|p| [p[0], p[1], p[2], 255]).collect();
    let augment = Augment {
        flip: false,
        scale: 0.9,
        shift: [0.0, 0.0],
    };
    let corner = [picture.rgb[0], picture.rgb[1], picture.rgb[2]];
    RgbPicture {
        width: picture.width,
        height: picture.height,
        rgb: compose(&rgba, picture.width, corner, Some(&augment)),
    }
}

/// The value that [`COPY_QUANTILE`] of all lie below.
fn quantile(mut values: Vec<f32>) -> f32 {
    values.sort_by(f32::total_cmp);
    let at = (values.len() as f32 * COPY_QUANTILE) as usize;
    values
        .get(at.min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or(1.0)
}

fn share(found: &[bool]) -> f32 {
    let count = found.iter().filter(|found| **found).count();
    count as f32 / found.len().max(1) as f32
}

impl fmt::Display for Scores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            likeness,
            prompt,
            background,
            copies,
            trained_copies,
            unseen_met,
            trained_met,
        } = self;
        write!(
            f,
            "likeness {likeness:.3}, own picture of unseen captions {unseen_met}, of trained ones {trained_met}, \
             prompt {prompt:.2}, background {background:.2}, copies {copies:.2} and {trained_copies:.2}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_copies_leaves_a_twentieth_above_it() {
        let values: Vec<f32> = (0..100).rev().map(|i| i as f32 / 100.0).collect();
        assert!((quantile(values) - 0.95).abs() < 1e-6);
        assert!((quantile(Vec::new()) - 1.0).abs() < 1e-6);
        assert!((share(&[true, false, true, true]) - 0.75).abs() < 1e-6);
    }

    const SIDE: usize = 128;

    /// A bright square on white, its middle at `x`.
    fn square(x: usize, side: usize) -> RgbPicture {
        let lit = |i: usize| (i % SIDE).abs_diff(x) < side && (i / SIDE).abs_diff(64) < side;
        let pixel = |i: usize| if lit(i) { [200, 40, 30] } else { [255; 3] };
        RgbPicture {
            width: SIDE,
            height: SIDE,
            rgb: (0..SIDE * SIDE).flat_map(pixel).collect(),
        }
    }

    #[test]
    fn a_trained_picture_is_a_copy_and_the_unseen_one_follows_its_prompt() {
        let embedder = Embedder::new();
        let train = [square(30, 20), square(90, 30)];
        let held_out = vec![square(64, 12), square(64, 50)];
        let whole = <[RgbPicture]>::to_vec;
        let gauge = Gauge::new(&embedder, (&train, held_out.clone()), SIDE, whole);
        let asked = [
            Asked::Unseen(0),
            Asked::Unseen(1),
            Asked::Trained(0),
            Asked::Trained(1),
            Asked::Background("white"),
        ];
        let prompts = asked.map(|asked| Prompt {
            text: String::new(),
            asked,
            seed: 0,
        });
        let [small, large] = [&held_out[0], &held_out[1]];
        let [left, right] = [&train[0], &train[1]];
        let drawings = |five: [&RgbPicture; 5]| five.map(RgbPicture::clone);
        let found = gauge.scores(&prompts, &drawings([small, large, large, small, left]));
        assert_eq!(
            (found.prompt, found.background, found.copies),
            (1.0, 1.0, 0.0)
        );
        assert!((found.unseen_met.mean - 1.0).abs() < 1e-4);
        assert!(found.trained_met.mean < 0.99, "{}", found.trained_met);
        let found = gauge.scores(
            &prompts,
            &drawings([left, right, left, right, &square(64, 64)]),
        );
        assert_eq!(
            (found.background, found.copies, found.trained_copies),
            (0.0, 1.0, 1.0)
        );
        assert!((found.trained_met.mean - 1.0).abs() < 1e-4);
        let (likeness, _) = gauge.of_unseen();
        assert!((0.5..1.0).contains(&likeness), "{likeness}");
        let alike = |pictures: &[RgbPicture]| vec![square(64, 64); pictures.len()];
        let blind = Gauge::new(&embedder, (&train, held_out), SIDE, alike);
        assert_eq!((gauge.found_copies(), blind.found_copies()), (1.0, 0.0));
        assert_eq!(gauge.counts(), [2, 2, 2]);
    }

    #[test]
    fn own_pictures_are_met_on_backgrounds_that_unseen_ones_have() {
        let on = |[red, green, blue]: [u8; 3]| RgbPicture {
            rgb: [red, green, blue].repeat(SIDE * SIDE),
            ..square(64, 12)
        };
        let (white, red, blue) = (on([255; 3]), on([220, 50, 47]), on([40, 90, 220]));
        let train = [white.clone(), red.clone()];
        assert_eq!(on_same_grounds(&train, &[white]), [true, false]);
        assert_eq!(on_same_grounds(&train, &[blue]), [true, true]);
    }

    #[test]
    fn the_error_of_a_mean_falls_with_the_root_of_the_count() {
        let met = Met::of(&[0.5, 0.7]);
        assert!((met.mean - 0.6).abs() < 1e-6 && (met.error - 0.1).abs() < 1e-6);
        assert_eq!(Met::of(&[]).to_string(), "0.000 ± 0.000");
    }
}
