//! Pictures out of the corpus, and as tensors.

use atelier_corpus::{Augment, COLOURS, Corpus, Rng, compose};
use atelier_data::RgbPicture;
use burn::tensor::{Device, Tensor, TensorData};

/// One picture of the corpus on a random plain background, flipped and moved a little; with the name of the background.
pub(crate) fn random_view(
    corpus: &Corpus,
    index: usize,
    rng: &mut Rng,
) -> (RgbPicture, &'static str) {
    let (name, colour) = COLOURS[rng.below(COLOURS.len())];
    let augment = Augment::random(corpus.side, corpus.entries[index].may_flip(), rng);
    (on_plain(corpus, index, colour, Some(&augment)), name)
}

/// One picture of the corpus on a plain background.
pub(crate) fn on_plain(
    corpus: &Corpus,
    index: usize,
    colour: [u8; 3],
    augment: Option<&Augment>,
) -> RgbPicture {
    RgbPicture {
        width: corpus.side,
        height: corpus.side,
        rgb: compose(corpus.rgba(index), corpus.side, colour, augment),
    }
}

/// Several pictures of one size as `[b, 3, h, w]` from −1 to 1.
pub(crate) fn batch(pictures: &[RgbPicture], device: &Device) -> Tensor<4> {
    let size = pictures
        .first()
        .map_or([0, 0], |first| [first.height, first.width]);
    let [height, width] = size;
    let mut values = Vec::with_capacity(pictures.len() * 3 * height * width);
    for picture in pictures {
        assert_eq!(
            [picture.height, picture.width],
            size,
            "pictures of one size"
        );
        for channel in 0..3 {
            let bytes = picture.rgb.iter().skip(channel).step_by(3);
            values.extend(bytes.map(|&byte| f32::from(byte) / 127.5 - 1.0));
        }
    }
    Tensor::from_data(
        TensorData::new(values, [pictures.len(), 3, height, width]),
        device,
    )
}

#[cfg(test)]
mod tests {
    use atelier_nn::gradients::values_of;

    use super::*;

    #[test]
    fn a_batch_has_each_channel_by_itself_row_by_row() {
        let picture = |first: u8| RgbPicture {
            width: 2,
            height: 1,
            rgb: (first..first + 6).collect(),
        };
        let pictures = batch(&[picture(0), picture(100)], &Device::flex());
        assert_eq!(pictures.dims(), [2, 3, 1, 2]);
        let bytes = values_of(pictures)
            .into_iter()
            .map(|v| ((v + 1.0) * 127.5).round() as u8);
        let expected = [0, 3, 1, 4, 2, 5, 100, 103, 101, 104, 102, 105];
        assert_eq!(bytes.collect::<Vec<_>>(), expected);
    }
}
