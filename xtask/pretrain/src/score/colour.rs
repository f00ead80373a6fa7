//! Whether a drawing lies on the background that its prompt names.

use atelier_corpus::COLOURS;

use crate::recipe::SIDE;

/// Pixels along every edge that count as background; the drawn thing seldom reaches them.
const RING: usize = 6;

/// The palette colour that is nearest to the background of a picture: to the median of the ring along its edges, channel by
/// channel, in 8 bit RGB.
pub(super) fn background(rgb: &[u8]) -> &'static str {
    let inside = |at: usize| (RING..SIDE - RING).contains(&at);
    let ring: Vec<&[u8]> = rgb
        .chunks_exact(3)
        .enumerate()
        .filter(|(i, _)| !(inside(i % SIDE) && inside(i / SIDE)))
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
            let mut rgb: Vec<u8> = (0..SIDE * SIDE).flat_map(|_| *colour).collect();
            rgb[3 * SIDE * 20..3 * SIDE * 100].fill(255);
            assert_eq!(background(&rgb), *name);
        }
    }
}
