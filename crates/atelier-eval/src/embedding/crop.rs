//! The part of a picture that the network sees, in the numbers that it was trained on.
//!
//! # Source
//! `_decode_and_center_crop` of `models/official/efficientnet/preprocessing.py`, `MEAN_RGB` and `STDDEV_RGB` of
//! `lite/efficientnet_lite_builder.py` in `tensorflow/tpu@22d5cab`. `TensorFlow`'s bicubic kernel skips pixels where it shrinks
//! a picture; ours is Pillow's, which takes them all.

use atelier_data::{Kernel, RgbPicture, resize};

/// Side of the square that the network sees, in pixels.
pub(super) const SIDE: usize = 224;
/// The same with the column and the row of zeros that the first convolution wants at the right and at the bottom.
pub(super) const PADDED_SIDE: usize = SIDE + 1;
const MEAN: f32 = 127.0;
const DEVIATION: f32 = 128.0;

/// Seven eighths of the middle square, resampled to the size that the network sees; nothing is stretched.
pub(super) fn middle(picture: &RgbPicture) -> RgbPicture {
    let side = (picture.width.min(picture.height) * 7 / 8).max(1);
    let start = |length: usize| (length - side).div_ceil(2);
    let corner = [start(picture.width), start(picture.height)];
    let part = picture.part(corner, [side; 2]);
    resize(part, SIDE, SIDE, Kernel::Bicubic)
}

/// The network's input, `[h, w, c]`: red, green and blue about -1 to 1.
pub(super) fn network_input(picture: &RgbPicture) -> Vec<f32> {
    let crop = middle(picture);
    let mut input = vec![0.0; PADDED_SIDE * PADDED_SIDE * 3];
    let rows = input.chunks_exact_mut(PADDED_SIDE * 3);
    for (row, bytes) in rows.zip(crop.rgb.chunks_exact(SIDE * 3)) {
        for (value, &byte) in row.iter_mut().zip(bytes) {
            *value = (f32::from(byte) - MEAN) / DEVIATION;
        }
    }
    input
}
