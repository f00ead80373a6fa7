//! A tensor of an adapter as plain numbers.

use atelier_core::Matrix;

/// Numbers with a shape, the innermost axis fastest.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Array {
    /// The length of each axis, outermost first; empty for a single number.
    pub shape: Vec<usize>,
    /// The numbers.
    pub values: Vec<f32>,
}

impl Array {
    /// Numbers in a shape that they fill.
    pub fn new(shape: impl Into<Vec<usize>>, values: Vec<f32>) -> Self {
        let shape = shape.into();
        debug_assert_eq!(shape.iter().product::<usize>(), values.len());
        Self { shape, values }
    }

    /// Length of an axis; 1 beyond the last.
    pub(crate) fn length(&self, axis: usize) -> usize {
        self.shape.get(axis).copied().unwrap_or(1)
    }

    /// Product of the lengths of all axes but the first.
    pub(crate) fn columns(&self) -> usize {
        let axes = self.shape.iter().skip(1);
        axes.fold(1, |count, length| count.saturating_mul(*length))
    }

    /// The first axis as rows, all others as columns.
    pub(crate) fn into_matrix(self) -> Matrix {
        Matrix {
            rows: self.length(0),
            columns: self.columns(),
            values: self.values,
        }
    }

    /// Rows and columns of [`Self::into_matrix`] exchanged.
    pub(crate) fn into_transposed(self) -> Matrix {
        transposed(&self.into_matrix())
    }
}

/// Rows and columns exchanged.
pub(crate) fn transposed(matrix: &Matrix) -> Matrix {
    let (rows, columns) = (matrix.rows, matrix.columns);
    let values = (0..columns).flat_map(|c| (0..rows).map(move |r| matrix.values[r * columns + c]));
    Matrix {
        rows: columns,
        columns: rows,
        values: values.collect(),
    }
}
