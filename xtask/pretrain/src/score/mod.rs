//! Honest figures about the base, on fixed seeds: drawings of pairs of concept and style that it was never shown.
//!
//! A drawing is right in its concept when it is nearer to the artist's picture of it than to those of 49 other concepts; right
//! in its style when a probe that learned from the artists' pictures says so; right in its colour when its edges have it. The
//! same figures of the artists' own unseen pictures, moved and scaled a little, say how far each measure can be trusted.

mod colour;
mod concept;
mod style;

use std::path::Path;

use atelier_corpus::{Augment, COLOURS, Corpus, Rng, Split, compose, full_caption};
use atelier_data::RgbPicture;
use atelier_diffusion::stable_diffusion::Pipeline;
use atelier_eval::{Embedder, Embedding, Pooled, kid};
use atelier_nn::Engine;
use burn::tensor::Device;

use crate::Pretraining;
use crate::pictures::random_view;
use crate::recipe::{SEED, SIDE};
use crate::sheet::draw_one;
use crate::vae::log;
use concept::{ColourCells, Others, shown};
use style::StyleProbe;

/// Shares of right ones of a set of drawings, in percent, and its distance from the artists' pictures of the same pairs.
struct Figures {
    concept: f64,
    concept_by_cells: f64,
    style: f64,
    colour: f64,
    kid: f64,
}

/// Draws `count` unseen pairs at each strength of guidance and prints a table.
pub(crate) fn measure(
    place: &Pretraining,
    base: &Path,
    count: usize,
    guidances: &[f32],
) -> anyhow::Result<()> {
    let mut all = place.corpus()?;
    all.retain(|entry| place.recipe.draws(&entry.group));
    let pairs = Pairs::spread(&all, count);
    log(&format!(
        "{count} drawings of {} unseen pairs",
        pairs.different
    ));
    let embedder = Embedder::new();
    let mut judge = Judge::new(&all, &embedder, &pairs);
    log(
        "| pictures | concept, by embedding | concept, by colour cells | style | colour | KID, in thousandths |",
    );
    log("|---|---|---|---|---|---|");
    let mut rng = Rng::new(SEED + 6);
    let own = pairs.each(|pair| {
        let entry = &all.entries[pair.entry];
        let augment = Augment::random(SIDE, entry.may_flip(), &mut rng);
        let rgb = compose(all.rgba(pair.entry), SIDE, pair.colour.1, Some(&augment));
        Ok(picture(rgb))
    })?;
    judge.judge(&pairs, &own)?.print("the artists' own");
    let mut pipeline = Pipeline::open(base, &Device::flex(), Engine::Mixed)?;
    for &guidance in guidances {
        let drawings = pairs.each(|pair| {
            let prompt = full_caption(&all.entries[pair.entry], Some(pair.colour.0));
            let drawn = draw_one(&mut pipeline, &prompt, pair.seed, guidance)?;
            Ok(picture(drawn.rgb))
        })?;
        let figures = judge.judge(&pairs, &drawings)?;
        figures.print(&format!("drawn, guidance {guidance}"));
    }
    Ok(())
}

/// The palette colour of a picture's background.
pub(crate) fn background(picture: &RgbPicture) -> &'static str {
    colour::background(&picture.rgb)
}

fn picture(rgb: Vec<u8>) -> RgbPicture {
    RgbPicture {
        width: SIDE,
        height: SIDE,
        rgb,
    }
}

/// One drawing to make.
struct Pair {
    entry: usize,
    colour: (&'static str, [u8; 3]),
    seed: u64,
}

/// Unseen pairs of concept and style, each with a background and a seed.
struct Pairs {
    drawn: Vec<Pair>,
    /// How many are different; when more are wanted, they come again with other backgrounds and seeds.
    different: usize,
}

impl Pairs {
    /// `count` pairs, evenly spread over the unseen ones of a corpus.
    fn spread(corpus: &Corpus, count: usize) -> Self {
        let unseen: Vec<usize> = (0..corpus.entries.len())
            .filter(|&i| corpus.entries[i].split == Split::HeldOutPair)
            .collect();
        let different = count.min(unseen.len());
        let drawn = (0..count)
            .map(|i| Pair {
                entry: unseen[i % different * unseen.len() / different],
                colour: COLOURS[(i * 5 + i / COLOURS.len()) % COLOURS.len()],
                seed: 1000 + i as u64,
            })
            .collect();
        Self { drawn, different }
    }

    fn each(
        &self,
        picture: impl FnMut(&Pair) -> anyhow::Result<RgbPicture>,
    ) -> anyhow::Result<Vec<RgbPicture>> {
        self.drawn.iter().map(picture).collect()
    }
}

/// What has learned from the artists' pictures.
struct Judge<'a> {
    corpus: &'a Corpus,
    embedder: &'a Embedder,
    probe: StyleProbe,
    by_embedding: Others<'a, Embedding>,
    by_cells: Others<'a, ColourCells>,
    /// The artists' pictures of the pairs that are drawn.
    artists: Vec<Pooled>,
}

impl<'a> Judge<'a> {
    fn new(corpus: &'a Corpus, embedder: &'a Embedder, pairs: &Pairs) -> Self {
        let mut rng = Rng::new(SEED + 5);
        let trained =
            (0..corpus.entries.len()).filter(|&i| corpus.entries[i].split == Split::Train);
        let (views, styles): (Vec<_>, Vec<_>) = trained
            .map(|i| {
                let (rgb, _) = random_view(corpus, i, &mut rng);
                (picture(rgb), corpus.entries[i].style.clone())
            })
            .unzip();
        let examples: Vec<_> = embedder.embed_all(&views).into_iter().zip(styles).collect();
        let pictures = pairs
            .drawn
            .iter()
            .map(|pair| shown(corpus, pair.entry, pair.colour.1));
        Self {
            artists: embedder.pooled_all(&pictures.collect::<Vec<_>>()),
            corpus,
            embedder,
            probe: StyleProbe::learn(&examples),
            by_embedding: Others::new(corpus, |picture| embedder.embed(&picture)),
            by_cells: Others::new(corpus, |picture: RgbPicture| ColourCells::of(&picture.rgb)),
        }
    }

    fn judge(&mut self, pairs: &Pairs, drawings: &[RgbPicture]) -> anyhow::Result<Figures> {
        let pooled = self.embedder.pooled_all(drawings);
        let kid = 1000.0 * kid(&pooled, &self.artists)?;
        let mut right = [0_u32; 4];
        for ((pair, drawing), pooled) in pairs.drawn.iter().zip(drawings).zip(pooled) {
            let (embedding, cells) = (pooled.into_embedding(), ColourCells::of(&drawing.rgb));
            let found = [
                self.by_embedding
                    .is_nearest_to_own(&embedding, pair.entry, pair.colour),
                self.by_cells
                    .is_nearest_to_own(&cells, pair.entry, pair.colour),
                self.probe.style(&embedding) == self.corpus.entries[pair.entry].style,
                colour::background(&drawing.rgb) == pair.colour.0,
            ];
            for (count, found) in right.iter_mut().zip(found) {
                *count += u32::from(found);
            }
        }
        let [concept, concept_by_cells, style, colour] =
            right.map(|count| 100.0 * f64::from(count) / drawings.len() as f64);
        Ok(Figures {
            concept,
            concept_by_cells,
            style,
            colour,
            kid,
        })
    }
}

impl Figures {
    fn print(&self, name: &str) {
        let Self {
            concept,
            concept_by_cells,
            style,
            colour,
            kid,
        } = self;
        log(&format!(
            "| {name} | {concept:.1} % | {concept_by_cells:.1} % | {style:.1} % | {colour:.1} % | {kid:.1} |"
        ));
    }
}
