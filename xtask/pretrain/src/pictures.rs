//! Pictures out of the corpus as tensors.

use atelier_corpus::{Augment, COLOURS, Corpus, Rng, compose};
use burn::tensor::{Device, Tensor, TensorData};

use crate::recipe::SIDE;

/// One picture on a random plain background, flipped and moved a little; with the name of the background.
pub(crate) fn random_view(corpus: &Corpus, index: usize, rng: &mut Rng) -> (Vec<u8>, &'static str) {
    let (name, colour) = COLOURS[rng.below(COLOURS.len())];
    let augment = Augment::random(SIDE, corpus.entries[index].may_flip(), rng);
    (
        compose(corpus.rgba(index), SIDE, colour, Some(&augment)),
        name,
    )
}

/// The square of `side` pixels whose upper left corner is `[x, y]`, out of a picture of [`SIDE`].
pub(crate) fn cropped(rgb: &[u8], [x, y]: [usize; 2], side: usize) -> Vec<u8> {
    let rows = rgb.chunks_exact(3 * SIDE).skip(y).take(side);
    rows.flat_map(|row| &row[3 * x..3 * (x + side)])
        .copied()
        .collect()
}

/// RGB bytes of several square pictures as `[b, 3, side, side]` from −1 to 1.
pub(crate) fn batch(pictures: &[Vec<u8>], side: usize, device: &Device) -> Tensor<4> {
    let area = side * side;
    let mut values = Vec::with_capacity(pictures.len() * 3 * area);
    for rgb in pictures {
        for channel in 0..3 {
            values.extend((0..area).map(|i| f32::from(rgb[3 * i + channel]) / 127.5 - 1.0));
        }
    }
    Tensor::from_data(
        TensorData::new(values, [pictures.len(), 3, side, side]),
        device,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crop_is_the_square_at_its_corner() {
        let rgb: Vec<u8> = (0..SIDE * SIDE)
            .flat_map(|i| [(i % SIDE) as u8, (i / SIDE) as u8, 7])
            .collect();
        let crop = cropped(&rgb, [3, 5], 2);
        assert_eq!(crop, [3, 5, 7, 4, 5, 7, 3, 6, 7, 4, 6, 7]);
    }
}
