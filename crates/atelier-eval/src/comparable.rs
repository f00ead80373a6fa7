//! What pictures are compared by, whatever its numbers mean.

/// A picture as numbers of length 1, so that the product of two is the cosine of the angle between them; all zero for a
/// picture with nothing to compare.
pub trait Comparable {
    /// The numbers, of which every value of one kind has equally many.
    fn numbers(&self) -> &[f32];
}

/// The numbers at the given length; numbers that are all but zero become zero.
pub(crate) fn scaled(mut numbers: Vec<f32>, length: f32) -> Vec<f32> {
    let norm = numbers.iter().map(|v| v * v).sum::<f32>().sqrt();
    let factor = if norm > 1e-3 { length / norm } else { 0.0 };
    for value in &mut numbers {
        *value *= factor;
    }
    numbers
}
