//! Which square of a picture is trained on.

use serde::{Deserialize, Serialize};

/// A square of a picture, in pixels of the upright picture, counted from its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crop {
    /// The first column.
    pub left: u32,
    /// The first row.
    pub top: u32,
    /// Width and height.
    pub side: u32,
}

impl Crop {
    /// What is wrong with it for a picture of this size; nothing when it lies inside and is no line.
    pub fn problem(self, width: usize, height: usize) -> Option<String> {
        let Self { left, top, side } = self;
        let ends = |from: u32, length: usize| u64::from(from) + u64::from(side) > length as u64;
        (side == 0 || ends(left, width) || ends(top, height)).then(|| {
            format!(
                "its crop of {side}×{side} pixels at {left}, {top} does not lie inside its {width}×{height} pixels"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crop_lies_inside_or_says_what_is_wrong() {
        let crop = |left, top, side| Crop { left, top, side };
        for good in [crop(0, 0, 30), crop(60, 0, 30), crop(89, 29, 1)] {
            assert_eq!(good.problem(90, 30), None, "{good:?}");
        }
        for bad in [
            crop(0, 0, 0),
            crop(61, 0, 30),
            crop(0, 1, 30),
            crop(u32::MAX, 0, 1),
            crop(0, u32::MAX, u32::MAX),
        ] {
            let problem = bad.problem(90, 30).unwrap();
            assert!(problem.contains("90×30"), "{problem}");
        }
    }
}
