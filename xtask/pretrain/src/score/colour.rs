//! Whether a drawing lies on the background that its prompt names.

use atelier_corpus::COLOURS;
use atelier_data::RgbPicture;

/// Share of the side along every edge that counts as background, 6 of 128 pixels; the drawn thing seldom reaches it.
const RING: [usize; 2] = [6, 128];

/// The palette colour that is nearest to the background of a picture: to the median of the ring along its edges, channel by
/// channel, in 8 bit RGB.
pub(super) fn background(picture: &RgbPicture) -> &'static str {
    let (width, height) = (picture.width, picture.height);
    let ring = |end: usize| (end * RING[0] / RING[1]).max(1);
    let inside = |at: usize, end: usize| (ring(end)..end - ring(end)).contains(&at);
    let ring: Vec<&[u8]> = picture
        .rgb
        .chunks_exact(3)
        .enumerate()
        .filter(|(i, _)| !(inside(i % width, width) && inside(i / width, height)))
        .map(|(_, pixel)| pixel)
        .collect();
    let median = [0, 1, 2].map(|channel| {
        let mut values: Vec<u8> = ring.iter().map(|pixel| pixel[channel]).collect();
        values.sort_unstable();
        i32::from(values[values.len() / 2])
    });
    let distance = |colour: [u8; 3]| -> i32 {
        let pairs = colour.iter().zip(median);
        pairs.map(|(&c, m)| (i32::from(c) - m).pow(2)).sum()
    };
    let nearest = COLOURS.iter().min_by_key(|(_, colour)| distance(*colour));
    nearest.expect("the palette is not empty").0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_background_is_named_whatever_stands_on_it() {
        for (name, colour) in COLOURS {
            for side in [64, 128, 192] {
                let mut picture = RgbPicture::filled(side, side, *colour);
                picture.rgb[3 * side * side / 6..3 * side * side * 3 / 4].fill(255);
                assert_eq!(background(&picture), *name);
            }
        }
    }
}
