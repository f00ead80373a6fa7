//! Three numbers as a point, a direction or a colour.

pub(crate) type Vector = [f32; 3];

pub(crate) fn add(a: Vector, b: Vector) -> Vector {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

pub(crate) fn scale(a: Vector, factor: f32) -> Vector {
    a.map(|value| value * factor)
}

pub(crate) fn subtract(a: Vector, b: Vector) -> Vector {
    add(a, scale(b, -1.0))
}

pub(crate) fn dot(a: Vector, b: Vector) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(crate) fn cross(a: Vector, b: Vector) -> Vector {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

/// The direction of `a`; the null vector stays what it is.
pub(crate) fn normalised(a: Vector) -> Vector {
    let length = dot(a, a).sqrt();
    if length > 0.0 {
        scale(a, 1.0 / length)
    } else {
        a
    }
}

/// The sum of three vectors, each times its share.
pub(crate) fn blend(vectors: [Vector; 3], shares: Vector) -> Vector {
    let [a, b, c] = vectors;
    add(
        add(scale(a, shares[0]), scale(b, shares[1])),
        scale(c, shares[2]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: Vector, b: Vector) -> bool {
        subtract(a, b)
            .iter()
            .all(|difference| difference.abs() < 1e-6)
    }

    #[test]
    fn the_cross_product_is_right_handed() {
        let across = cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]);
        assert!(near(across, [0.0, 0.0, 1.0]));
    }

    #[test]
    fn a_direction_has_length_one() {
        assert!(near(normalised([0.0, -4.0, 0.0]), [0.0, -1.0, 0.0]));
        assert!(near(normalised([0.0; 3]), [0.0; 3]));
    }

    #[test]
    fn equal_shares_give_the_middle() {
        let corners = [[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 3.0]];
        assert!(near(blend(corners, [1.0 / 3.0; 3]), [1.0; 3]));
    }
}
