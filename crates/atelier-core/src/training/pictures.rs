//! What plans of a training need to know of its pictures.

/// How many pictures a training has, and how large they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrainingPictures {
    /// How many.
    pub count: usize,
    /// Pixels of the largest, before it is cut to its square.
    pub largest_pixels: u64,
}

impl TrainingPictures {
    /// Those with these sides in pixels.
    pub fn of_sides(sides: impl IntoIterator<Item = [u64; 2]>) -> Self {
        let counted = |all: Self, [width, height]: [u64; 2]| Self {
            count: all.count + 1,
            largest_pixels: all.largest_pixels.max(width.saturating_mul(height)),
        };
        sides.into_iter().fold(Self::default(), counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_is_the_one_with_the_most_pixels() {
        let pictures = TrainingPictures::of_sides([[30, 10], [20, 20], [1, 390]]);
        assert_eq!((pictures.count, pictures.largest_pixels), (3, 400));
        assert_eq!(TrainingPictures::of_sides([]).largest_pixels, 0);
    }
}
