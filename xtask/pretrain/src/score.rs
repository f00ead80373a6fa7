//! An honest figure: how often a drawing of an unseen pair of concept and style is nearest to its own concept.
//!
//! The feature of a picture is stated and simple: its colours at 16×16 pixels, in 8 bit RGB, as one vector. Candidates are
//! 50 concepts, drawn by the original artists in the same style and on the same background; chance is 2 %.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use atelier_corpus::{COLOURS, Corpus, Rng, Split, build, compose, full_caption};
use atelier_diffusion::stable_diffusion::Pipeline;
use atelier_nn::Engine;
use burn::tensor::Device;

use crate::pictures::{drawn_corpus, is_drawn};
use crate::recipe::{SEED, SIDE};
use crate::sheet::draw_one;
use crate::vae::log;

const CANDIDATES: usize = 50;
const CELLS: usize = 16;

/// Draws `count` unseen pairs and prints the share of right nearest neighbours.
pub(crate) fn measure(cache: &Path, base: &Path, count: usize) -> anyhow::Result<()> {
    let unseen = drawn_corpus(cache, Split::HeldOutPair)?;
    let mut all = build(&cache.join("corpus"), SIDE)?;
    all.retain(is_drawn);
    let by_style = styles(&all);
    let mut pipeline = Pipeline::open(base, &Device::flex(), Engine::Mixed)?;
    let mut rng = Rng::new(SEED + 4);
    let (mut right, mut drawn) = (0_u32, 0_u32);
    for index in 0..count {
        let own = &unseen.entries[index % unseen.entries.len()];
        let (name, colour) = COLOURS[rng.below(COLOURS.len())];
        let picture = draw_one(
            &mut pipeline,
            &full_caption(own, Some(name)),
            1000 + index as u64,
        )?;
        let feature = feature(&picture.rgb);
        let truth = compose(
            unseen.rgba(index % unseen.entries.len()),
            SIDE,
            colour,
            None,
        );
        let own_distance = distance(&feature, &self::feature(&truth));
        let others = &by_style[own.style.as_str()];
        let mut beaten = true;
        let mut seen = BTreeSet::from([own.concept.as_str()]);
        while seen.len() < CANDIDATES {
            let other = others[rng.below(others.len())];
            if !seen.insert(&all.entries[other].concept) {
                continue;
            }
            let view = compose(all.rgba(other), SIDE, colour, None);
            beaten &= distance(&feature, &self::feature(&view)) > own_distance;
        }
        drawn += 1;
        right += u32::from(beaten);
    }
    log(&format!(
        "right: {right} of {drawn} ({:.1} %), chance {:.1} %",
        100.0 * f64::from(right) / f64::from(drawn),
        100.0 / CANDIDATES as f64
    ));
    Ok(())
}

fn styles(corpus: &Corpus) -> BTreeMap<&str, Vec<usize>> {
    let mut map: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, entry) in corpus.entries.iter().enumerate() {
        map.entry(&entry.style).or_default().push(index);
    }
    map
}

/// Mean colour of each of 16×16 cells.
fn feature(rgb: &[u8]) -> Vec<f32> {
    let cell = SIDE / CELLS;
    let mut sums = vec![0.0; CELLS * CELLS * 3];
    for (index, value) in rgb.iter().enumerate() {
        let (x, y) = ((index / 3) % SIDE / cell, index / 3 / SIDE / cell);
        sums[(y * CELLS + x) * 3 + index % 3] += f32::from(*value) / (cell * cell) as f32;
    }
    sums
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}
