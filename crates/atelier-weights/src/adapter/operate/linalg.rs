//! The little matrix algebra that adapters need: products, orthogonal columns, the decomposition of small matrices.

use atelier_core::Matrix;

/// `left @ right`.
pub(crate) fn product(left: &Matrix, right: &Matrix) -> Matrix {
    let columns = right.columns;
    let mut values = vec![0.0f32; left.rows * columns];
    for (row, out) in values.chunks_mut(columns.max(1)).enumerate() {
        let factors = &left.values[row * left.columns..][..left.columns];
        for (factor, other) in factors.iter().zip(right.values.chunks(columns.max(1))) {
            for (sum, value) in out.iter_mut().zip(other) {
                *sum += factor * value;
            }
        }
    }
    Matrix {
        rows: left.rows,
        columns,
        values,
    }
}
