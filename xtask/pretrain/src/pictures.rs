//! Pictures out of the corpus as tensors.

use std::path::Path;

use atelier_corpus::{Augment, COLOURS, Corpus, Entry, Rng, Split, build, compose};
use burn::tensor::{Device, Tensor, TensorData};

use crate::recipe::{DRAWN_GROUPS, GROUPS, SIDE};

/// The part of the corpus that the autoencoder learns from and that is encoded.
pub(crate) fn training_corpus(cache: &Path) -> anyhow::Result<Corpus> {
    let mut corpus = build(&cache.join("corpus"), SIDE)?;
    corpus.retain(|entry| GROUPS.contains(&entry.group.as_str()) && entry.split == Split::Train);
    Ok(corpus)
}

/// The pairs of concept and style that the denoiser learns, or the ones that it is never shown.
pub(crate) fn drawn_corpus(cache: &Path, split: Split) -> anyhow::Result<Corpus> {
    let mut corpus = build(&cache.join("corpus"), SIDE)?;
    corpus.retain(|entry| is_drawn(entry) && entry.split == split);
    Ok(corpus)
}

/// Whether the denoiser learns this concept.
pub(crate) fn is_drawn(entry: &Entry) -> bool {
    DRAWN_GROUPS.contains(&entry.group.as_str())
}

/// One picture on a random plain background, flipped and moved a little; with the name of the background.
pub(crate) fn random_view(corpus: &Corpus, index: usize, rng: &mut Rng) -> (Vec<u8>, &'static str) {
    let (name, colour) = COLOURS[rng.below(COLOURS.len())];
    let augment = Augment::random(SIDE, corpus.entries[index].may_flip(), rng);
    (
        compose(corpus.rgba(index), SIDE, colour, Some(&augment)),
        name,
    )
}

/// RGB bytes of several pictures as `[b, 3, SIDE, SIDE]` from −1 to 1.
pub(crate) fn batch(pictures: &[Vec<u8>], device: &Device) -> Tensor<4> {
    let area = SIDE * SIDE;
    let mut values = Vec::with_capacity(pictures.len() * 3 * area);
    for rgb in pictures {
        for channel in 0..3 {
            values.extend((0..area).map(|i| f32::from(rgb[3 * i + channel]) / 127.5 - 1.0));
        }
    }
    Tensor::from_data(
        TensorData::new(values, [pictures.len(), 3, SIDE, SIDE]),
        device,
    )
}
