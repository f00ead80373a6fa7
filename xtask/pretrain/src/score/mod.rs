//! Honest figures about the base, on fixed seeds: drawings of pairs of concept and style that it was never shown.
//!
//! A drawing is right in its concept when it is nearer to the artist's picture of it than to those of 49 other concepts; right
//! in its style when the same concept in no other style is nearer, which is counted of all drawings and of those that are right
//! in their concept; right in its colour when its edges have it. The same figures of the artists' own unseen pictures, moved,
//! scaled and mirrored a little, say what is the most that each measure would give; they do not say how it takes a concept that
//! is drawn anew. The same through the autoencoder say what of that it leaves.
//!
//! Nearly the same drawing is in the training where a style has siblings, as Fluent's flat and gradient ones are to each other:
//! one figure is of the pairs whose concept was trained in no other style of the family. Other concepts that look alike, as
//! hearts that differ in their colour, are not looked for.
//!
//! Asked for, pairs of the training are drawn instead: where these are no better, it is not new combinations that are hard.

mod colour;
mod concept;
mod pairs;
mod style;
#[cfg(test)]
pub(crate) mod test_corpus;

use std::path::Path;

use atelier_core::Seed;
use atelier_corpus::{Augment, COLOURS, Corpus, Rng, Split, full_caption};
use atelier_data::RgbPicture;
use atelier_diffusion::stable_diffusion::{Base, Pipeline};
use atelier_eval::{Embedder, Embedding, KidSpread, Pooled, Subsets, kid_subsets};
use atelier_nn::Engine;
use burn::tensor::Device;

use crate::Pretraining;
use crate::export::Origin;
use crate::log::log;
use crate::pictures::on_plain;
use crate::recipe::SEED;
use crate::reconstruction::given_back;
use crate::sheet::draw_one;
use concept::{ColourCells, Others};
use pairs::{Pair, Pairs};
use style::Styles;

/// Pictures that pass the autoencoder together.
const TOGETHER: usize = 8;

/// Parts of the drawings of which the distance is taken.
const SUBSETS: Subsets = Subsets {
    size: 100,
    count: 50,
    seed: Seed(SEED),
};

/// Shares of right ones of a set of drawings, in percent, and its distance from the artists' pictures of other unseen pairs.
struct Figures {
    concept: f64,
    concept_alone: f64,
    concept_by_cells: f64,
    style: f64,
    /// Of those that are right in their concept: of what shows another thing hardly more than a guess can be right.
    style_of_right: f64,
    colour: f64,
    kid: KidSpread,
}

/// Draws `count` pairs of a split at each strength of guidance and prints a table.
pub(crate) fn measure(
    place: &Pretraining,
    base: &Path,
    (split, count): (Split, usize),
    guidances: &[f32],
) -> anyhow::Result<()> {
    place.check_unseen(base)?;
    let made = Origin::read(base)?;
    let mut all = place.corpus_of(base)?;
    all.retain(|entry| made.recipe.draws(&entry.group));
    let pairs = Pairs::spread(&all, split, count)?;
    log(&format!(
        "{count} drawings of {} {} pairs, {} of them without a trained sibling",
        pairs.different,
        if split == Split::Train {
            "trained"
        } else {
            "unseen"
        },
        pairs.drawn.iter().filter(|pair| pair.alone).count()
    ));
    let embedder = Embedder::new();
    let own = own_views(&all, &pairs);
    let mut judge = Judge::new(&all, &embedder, &own)?;
    let drawn = pairs.drawn.iter().map(|pair| pair.entry);
    log(&format!(
        "guesses would be right in {:.0} % of the concepts, {:.0} % of the styles and {:.0} % of the backgrounds",
        100.0 / concept::CANDIDATES as f64,
        100.0 * judge.by_style.chance(drawn),
        100.0 / COLOURS.len() as f64
    ));
    log(
        "| pictures | concept, by embedding | of pairs without a trained sibling | concept, by colour cells | style | \
         style of those right in their concept | colour | \
         KID of pooled EfficientNet-Lite0, in thousandths, and its deviation over subsets |",
    );
    log("|---|---|---|---|---|---|---|---|");
    judge.judge(&pairs, &own)?.print("the artists' own");
    let vae = Base::open(base)?.load_vae(&Device::flex(), Engine::Exact)?;
    let decoded: Vec<_> = own
        .chunks(TOGETHER)
        .flat_map(|views| given_back(&vae, views))
        .collect();
    judge
        .judge(&pairs, &decoded)?
        .print("the same through the autoencoder");
    let mut pipeline = Pipeline::open(base, &Device::flex(), Engine::Mixed)?;
    for &guidance in guidances {
        let drawings = pairs.drawn.iter().map(|pair| {
            let prompt = full_caption(&all.entries[pair.entry], Some(pair.colour.0));
            draw_one(&mut pipeline, &prompt, pair.seed, guidance)
        });
        let drawings = drawings.collect::<anyhow::Result<Vec<_>>>()?;
        let figures = judge.judge(&pairs, &drawings)?;
        figures.print(&format!("drawn, guidance {guidance}"));
    }
    Ok(())
}

/// The artists' pictures of the pairs, moved, scaled and mirrored a little as those of the training are.
fn own_views(corpus: &Corpus, pairs: &Pairs) -> Vec<RgbPicture> {
    let mut rng = Rng::new(SEED + 6);
    let view = |pair: &Pair| {
        let may_flip = corpus.entries[pair.entry].may_flip();
        let augment = Augment::random(corpus.side, may_flip, &mut rng);
        on_plain(corpus, pair.entry, pair.colour.1, Some(&augment))
    };
    pairs.drawn.iter().map(view).collect()
}

/// The palette colour of a picture's background.
pub(crate) fn background(picture: &RgbPicture) -> &'static str {
    colour::background(picture)
}

/// What drawings are held against.
struct Judge<'a> {
    embedder: &'a Embedder,
    by_embedding: Others<'a, Embedding>,
    by_cells: Others<'a, ColourCells>,
    by_style: Styles<'a, Embedding>,
    /// The artists' pictures of every other pair that is drawn.
    artists: Vec<Pooled>,
}

impl<'a> Judge<'a> {
    fn new(corpus: &'a Corpus, embedder: &'a Embedder, own: &[RgbPicture]) -> anyhow::Result<Self> {
        let references: Vec<_> = own.iter().skip(1).step_by(2).cloned().collect();
        Ok(Self {
            artists: embedder.pooled_all(&references),
            embedder,
            by_embedding: Others::new(corpus, |picture| embedder.embed(&picture))?,
            by_cells: Others::new(corpus, |picture: RgbPicture| ColourCells::of(&picture))?,
            by_style: Styles::new(corpus, |picture| embedder.embed(&picture)),
        })
    }

    fn judge(&mut self, pairs: &Pairs, drawings: &[RgbPicture]) -> anyhow::Result<Figures> {
        let pooled = self.embedder.pooled_all(drawings);
        // The other half of the pairs, since the estimate is for sets that have nothing in common.
        let compared: Vec<_> = pooled.iter().step_by(2).cloned().collect();
        let kid = kid_subsets(&compared, &self.artists, SUBSETS)?;
        let mut right = [0_u32; 6];
        for ((pair, drawing), pooled) in pairs.drawn.iter().zip(drawings).zip(pooled) {
            let (embedding, cells) = (pooled.into_embedding(), ColourCells::of(drawing));
            let concept = self
                .by_embedding
                .is_nearest_to_own(&embedding, pair.entry, pair.colour);
            let style = self
                .by_style
                .is_nearest_to_own(&embedding, pair.entry, pair.colour);
            let found = [
                concept,
                concept && pair.alone,
                self.by_cells
                    .is_nearest_to_own(&cells, pair.entry, pair.colour),
                style,
                concept && style,
                background(drawing) == pair.colour.0,
            ];
            for (count, found) in right.iter_mut().zip(found) {
                *count += u32::from(found);
            }
        }
        let all = drawings.len();
        let alone = pairs.drawn.iter().filter(|pair| pair.alone).count();
        let share = |count: u32, of: usize| 100.0 * f64::from(count) / of.max(1) as f64;
        let [
            concept,
            concept_alone,
            concept_by_cells,
            style,
            both,
            colour,
        ] = right;
        Ok(Figures {
            concept: share(concept, all),
            concept_alone: share(concept_alone, alone),
            concept_by_cells: share(concept_by_cells, all),
            style: share(style, all),
            style_of_right: share(both, concept as usize),
            colour: share(colour, all),
            kid,
        })
    }
}

impl Figures {
    fn print(&self, name: &str) {
        let Self {
            concept,
            concept_alone,
            concept_by_cells,
            style,
            style_of_right,
            colour,
            kid,
        } = self;
        log(&format!(
            "| {name} | {concept:.1} % | {concept_alone:.1} % | {concept_by_cells:.1} % | {style:.1} % | \
             {style_of_right:.1} % | {colour:.1} % | {:.0} ± {:.0} |",
            1000.0 * kid.mean,
            1000.0 * kid.population_deviation
        ));
    }
}
