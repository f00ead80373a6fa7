//! Letters of dots, for the labels of a sheet: no font is needed, and the sheet is the same on every machine.

use atelier_data::RgbPicture;

/// Dots of a line of text, from the top of its letters to the bottom of `p`.
pub(super) const ROWS: usize = 9;
/// Dots from one letter to the next.
const STEP: usize = 6;
/// The colour of letters.
const INK: [u8; 3] = [38, 38, 38];
/// Behind them.
const PAPER: [u8; 3] = [255; 3];

/// Where a label stands in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    /// In the middle.
    Middle,
    /// At the right side.
    Right,
}

/// Dots from the first letter of a text to the end of its last.
pub(super) fn columns(text: &str) -> usize {
    (text.chars().count() * STEP).saturating_sub(1)
}

/// A label in the middle of the height of its place. It must fit; a dot is `scale` pixels wide.
pub(super) fn label(
    text: &str,
    scale: usize,
    [width, height]: [usize; 2],
    align: Align,
) -> RgbPicture {
    let mut picture = RgbPicture::filled(width, height, PAPER);
    let free = width.saturating_sub(columns(text) * scale);
    let left = match align {
        Align::Middle => free / 2,
        Align::Right => free,
    };
    let top = height.saturating_sub(ROWS * scale) / 2;
    for (place, letter) in text.chars().enumerate() {
        for [column, row] in dots(letter) {
            let x = left + (place * STEP + column) * scale;
            fill(&mut picture, [x, top + row * scale], scale);
        }
    }
    picture
}

/// Fills a square, as far as it lies inside.
fn fill(picture: &mut RgbPicture, [left, top]: [usize; 2], side: usize) {
    for y in top..(top + side).min(picture.height) {
        for x in left..(left + side).min(picture.width) {
            let at = (y * picture.width + x) * 3;
            picture.rgb[at..at + 3].copy_from_slice(&INK);
        }
    }
}

/// Column and row of each dot of a letter.
fn dots(letter: char) -> impl Iterator<Item = [usize; 2]> {
    rows(letter)
        .into_iter()
        .enumerate()
        .flat_map(|(row, bits)| {
            let is_dot = move |column: &usize| bits & (0b1_0000_u8 >> *column) != 0;
            (0..5).filter(is_dot).map(move |column| [column, row])
        })
}

/// The rows of a letter, the leftmost dot in the highest of five bits; a letter that labels do not have is a box.
#[rustfmt::skip]
fn rows(letter: char) -> [u8; ROWS] {
    match letter {
        ' ' => [0; ROWS],
        '.' => [0, 0, 0, 0, 0, 0b01100, 0b01100, 0, 0],
        '0' => [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110, 0, 0],
        '1' => [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110, 0, 0],
        '2' => [0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111, 0, 0],
        '3' => [0b01110, 0b10001, 0b00001, 0b00110, 0b00001, 0b10001, 0b01110, 0, 0],
        '4' => [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010, 0, 0],
        '5' => [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110, 0, 0],
        '6' => [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110, 0, 0],
        '7' => [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000, 0, 0],
        '8' => [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110, 0, 0],
        '9' => [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100, 0, 0],
        'c' => [0, 0, 0b01110, 0b10000, 0b10000, 0b10001, 0b01110, 0, 0],
        'd' => [0b00001, 0b00001, 0b01101, 0b10011, 0b10001, 0b10001, 0b01111, 0, 0],
        'e' => [0, 0, 0b01110, 0b10001, 0b11111, 0b10000, 0b01110, 0, 0],
        'g' => [0, 0, 0b01111, 0b10001, 0b10001, 0b10001, 0b01111, 0b00001, 0b01110],
        'h' => [0b10000, 0b10000, 0b10110, 0b11001, 0b10001, 0b10001, 0b10001, 0, 0],
        'l' => [0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110, 0, 0],
        'm' => [0, 0, 0b11010, 0b10101, 0b10101, 0b10101, 0b10101, 0, 0],
        'n' => [0, 0, 0b10110, 0b11001, 0b10001, 0b10001, 0b10001, 0, 0],
        'o' => [0, 0, 0b01110, 0b10001, 0b10001, 0b10001, 0b01110, 0, 0],
        'p' => [0, 0, 0b11110, 0b10001, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000],
        'r' => [0, 0, 0b10110, 0b11001, 0b10000, 0b10000, 0b10000, 0, 0],
        's' => [0, 0, 0b01111, 0b10000, 0b01110, 0b00001, 0b11110, 0, 0],
        't' => [0b01000, 0b01000, 0b11110, 0b01000, 0b01000, 0b01001, 0b00110, 0, 0],
        _ => [0b11111, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b11111, 0, 0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A label as text, a character for each dot.
    fn drawn(text: &str) -> String {
        let picture = label(text, 1, [columns(text), ROWS], Align::Middle);
        let rows = picture.rgb.chunks(picture.width * 3).map(|row| {
            let dots = row.chunks(3).map(|dot| if dot == INK { '#' } else { ' ' });
            dots.collect::<String>().trim_end().to_owned()
        });
        rows.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn labels_can_be_read() {
        insta::assert_snapshot!(drawn("epoch 30"), @r"
                                #            ###   ###
                                #           #   # #   #
         ###  ####   ###   ###  # ##            # #  ##
        #   # #   # #   # #     ##  #         ##  # # #
        ##### #   # #   # #     #   #           # ##  #
        #     #   # #   # #   # #   #       #   # #   #
         ###  ####   ###   ###  #   #        ###   ###
              #
              #
        ");
        insta::assert_snapshot!(drawn("strength 1.25"), @r"
               #                             #    #             #          ###  #####
               #                             #    #            ##         #   # #
         #### ####  # ##   ###  # ##   #### ####  # ##          #             # ####
        #      #    ##  # #   # ##  # #   #  #    ##  #         #           ##      #
         ###   #    #     ##### #   # #   #  #    #   #         #          #        #
            #  #  # #     #     #   # #   #  #  # #   #         #    ##   #     #   #
        ####    ##  #      ###  #   #  ####   ##  #   #        ###   ##   #####  ###
                                          #
                                       ###
        ");
        insta::assert_snapshot!(drawn("model 46789"), @r"
                        #        ##            #    ##  #####  ###   ###
                        #         #           ##   #        # #   # #   #
        ## #   ###   ## #  ###    #          # #  #        #  #   # #   #
        # # # #   # #  ## #   #   #         #  #  ####    #    ###   ####
        # # # #   # #   # #####   #         ##### #   #  #    #   #     #
        # # # #   # #   # #       #            #  #   #  #    #   #    #
        # # #  ###   ####  ###   ###           #   ###   #     ###   ##


        ");
    }

    #[test]
    fn labels_stand_in_their_place_and_are_as_large_as_was_asked_for() {
        let inked = |align| {
            let picture = label("1", 3, [40, 40], align);
            let at = |x: usize, y: usize| picture.part([x, y], [1, 1]).rgb == INK;
            let columns = (0..40).filter(|&x| (0..40).any(|y| at(x, y)));
            let columns: Vec<_> = columns.collect();
            (columns[0], columns.len())
        };
        // The digit is three dots wide, in a place of five.
        assert_eq!(inked(Align::Middle), (12 + 3, 9));
        assert_eq!(inked(Align::Right), (25 + 3, 9));
    }
}
