//! The little matrix algebra that adapters need: products, orthogonal columns, singular values of small matrices.

use atelier_core::Matrix;

/// Sweeps after which the rotations of any matrix that an adapter holds have long settled.
const MAX_SWEEPS: usize = 60;

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

/// Columns of numbers in double precision, all of one length.
pub(crate) type Columns = Vec<Vec<f64>>;

/// The orthonormal columns `q` and the triangle `r` (by columns) with `columns = q · r`; a column that depends on those
/// before it becomes zero.
pub(crate) fn orthogonal(columns: &Columns) -> (Columns, Columns) {
    /// Below this share of its length a column is rounding error of those before it.
    const DEPENDENT: f64 = 1e-12;
    let (mut q, mut r): (Columns, Columns) = (Vec::new(), Vec::new());
    for column in columns {
        let (mut rest, mut shares) = (column.clone(), vec![0.0; columns.len()]);
        let length = dot(column, column).sqrt();
        // The second pass takes out what rounding has left in.
        for _ in 0..2 {
            for (other, share) in q.iter().zip(&mut shares) {
                let part = dot(other, &rest);
                *share += part;
                add_scaled(&mut rest, other, -part);
            }
        }
        let left = dot(&rest, &rest).sqrt();
        if left > DEPENDENT * length {
            shares[q.len()] = left;
            scale(&mut rest, 1.0 / left);
        } else {
            rest.fill(0.0);
        }
        q.push(rest);
        r.push(shares);
    }
    (q, r)
}

/// Singular values of a square matrix, largest first, with left and right vectors: `matrix = Σ s · u · vᵀ`.
pub(crate) struct Svd {
    pub(crate) values: Vec<f64>,
    pub(crate) left: Columns,
    pub(crate) right: Columns,
}

/// Decomposes a square matrix given by columns, by rotating pairs of columns until all are orthogonal (one-sided Jacobi).
pub(crate) fn svd(matrix: &Columns) -> Svd {
    let size = matrix.len();
    let mut work = matrix.clone();
    let unit = |i| (0..size).map(|j| f64::from(u8::from(i == j))).collect();
    let mut right: Columns = (0..size).map(unit).collect();
    for _ in 0..MAX_SWEEPS {
        let mut settled = true;
        for i in 0..size {
            for j in i + 1..size {
                let (a, b) = (dot(&work[i], &work[i]), dot(&work[j], &work[j]));
                let c = dot(&work[i], &work[j]);
                if c.abs() <= 1e-15 * (a * b).sqrt() {
                    continue;
                }
                settled = false;
                let tau = (b - a) / (2.0 * c);
                let tangent = tau.signum() / (tau.abs() + tau.hypot(1.0));
                let cosine = 1.0 / tangent.hypot(1.0);
                rotate(&mut work, (i, j), cosine, tangent);
                rotate(&mut right, (i, j), cosine, tangent);
            }
        }
        if settled {
            break;
        }
    }
    let mut order: Vec<_> = work
        .into_iter()
        .zip(right)
        .map(|(column, vector)| (dot(&column, &column).sqrt(), column, vector))
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut svd = Svd {
        values: Vec::new(),
        left: Vec::new(),
        right: Vec::new(),
    };
    for (value, mut column, vector) in order {
        if value > 0.0 {
            scale(&mut column, 1.0 / value);
        }
        svd.values.push(value);
        svd.left.push(column);
        svd.right.push(vector);
    }
    svd
}

/// Turns columns `i` and `j` within their plane.
fn rotate(columns: &mut Columns, (i, j): (usize, usize), cosine: f64, tangent: f64) {
    let (front, back) = columns.split_at_mut(j);
    for (a, b) in front[i].iter_mut().zip(&mut back[0]) {
        let (x, y) = (*a, *b);
        *a = cosine * (x - tangent * y);
        *b = cosine * (tangent * x + y);
    }
}

/// Sums of every eighth product, which the processor forms together, then their sum.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(a, b)| a * b);
    sums.into_iter().chain(rest).sum()
}

fn scale(column: &mut [f64], factor: f64) {
    for value in column {
        *value *= factor;
    }
}

/// `sum += factor * other`.
pub(crate) fn add_scaled(sum: &mut [f64], other: &[f64], factor: f64) {
    for (sum, value) in sum.iter_mut().zip(other) {
        *sum += factor * value;
    }
}

/// `Σ columns · shares`: one column of a product.
pub(crate) fn combine(columns: &Columns, shares: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; columns.first().map_or(0, Vec::len)];
    for (column, share) in columns.iter().zip(shares) {
        add_scaled(&mut sum, column, *share);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(seed: u64, columns: usize, rows: usize) -> Columns {
        let mut state = seed;
        let mut next = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1u32 << 30) - 1.0
        };
        (0..columns)
            .map(|_| (0..rows).map(|_| next()).collect())
            .collect()
    }

    fn assert_near(a: &[f64], b: &[f64]) {
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() < 1e-12, "{a} {b}");
        }
    }

    #[test]
    fn orthogonal_columns_give_back_the_matrix_even_if_some_depend_on_others() {
        let mut columns = numbers(1, 5, 7);
        columns[3] = columns[0]
            .iter()
            .zip(&columns[1])
            .map(|(a, b)| a - 2.0 * b)
            .collect();
        let (q, r) = orthogonal(&columns);
        for (column, shares) in columns.iter().zip(&r) {
            assert_near(column, &combine(&q, shares));
        }
        for (i, a) in q.iter().enumerate() {
            for (j, b) in q.iter().enumerate() {
                let expected = f64::from(u8::from(i == j && i != 3));
                assert!((dot(a, b) - expected).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn singular_values_are_sorted_and_give_back_the_matrix() {
        let matrix = numbers(2, 6, 6);
        let svd = svd(&matrix);
        assert!(svd.values.is_sorted_by(|a, b| a >= b));
        for (index, column) in matrix.iter().enumerate() {
            let shares: Vec<_> = svd
                .values
                .iter()
                .zip(&svd.right)
                .map(|(s, v)| s * v[index])
                .collect();
            assert_near(column, &combine(&svd.left, &shares));
        }
        let squares: f64 = matrix.iter().map(|column| dot(column, column)).sum();
        assert!((svd.values.iter().map(|s| s * s).sum::<f64>() - squares).abs() < 1e-12);
    }
}
