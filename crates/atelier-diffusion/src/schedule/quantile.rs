//! Quantiles of the beta distribution: the inverse of the regularised incomplete beta function.
//!
//! The function itself is the continued fraction of Press et al., Numerical Recipes, section 6.4, evaluated with Lentz's
//! method; the inverse narrows a bracket with Newton steps.

/// The value below which a share of a beta distribution with the shapes `a` and `b` lies.
///
/// # Panics
/// When a shape is not above 0 or the share lies outside 0 to 1.
pub(crate) fn beta_quantile(share: f64, a: f64, b: f64) -> f64 {
    assert!(
        a > 0.0 && b > 0.0,
        "shapes must be above 0, got {a} and {b}"
    );
    assert!((0.0..=1.0).contains(&share), "{share} is no share");
    let log_beta = ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    let below = |x: f64| regularised(x, a, b, log_beta);
    // the smaller half keeps its digits; the other one is measured from its own end
    if share > below(0.5) {
        return 1.0 - smaller_quantile(1.0 - share, b, a, log_beta);
    }
    smaller_quantile(share, a, b, log_beta)
}

/// The quantile of a share that lies in the lower half of the range.
fn smaller_quantile(share: f64, a: f64, b: f64, log_beta: f64) -> f64 {
    if share <= 0.0 {
        return 0.0;
    }
    let (mut low, mut high) = (0.0_f64, 0.5_f64);
    // near 0 the distribution is a power
    let mut x = ((share * a).ln() + log_beta) / a;
    x = x.exp().clamp(f64::MIN_POSITIVE, 0.5);
    for _ in 0..200 {
        let error = regularised(x, a, b, log_beta) - share;
        if error > 0.0 {
            high = x;
        } else {
            low = x;
        }
        let density = ((a - 1.0) * x.ln() + (b - 1.0) * (-x).ln_1p() - log_beta).exp();
        let newton = x - error / density;
        let next = if newton > low && newton < high {
            newton
        } else {
            f64::midpoint(low, high)
        };
        if (next - x).abs() <= f64::EPSILON * next {
            return next;
        }
        x = next;
    }
    x
}

/// The share of the distribution that lies below `x`.
fn regularised(x: f64, a: f64, b: f64, log_beta: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = (a * x.ln() + b * (-x).ln_1p() - log_beta).exp();
    // the fraction converges fast on this side of the mean
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(1.0 - x, b, a) / b
    }
}

/// The continued fraction of the incomplete beta function.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    let away_from_zero = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for m in (1..500).map(f64::from) {
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            change = c * d;
            value *= change;
        }
        if (change - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    value
}

/// The logarithm of the gamma function for arguments above 0: Stirling's series, after shifting small arguments up.
fn ln_gamma(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 6] = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
    ];
    let (mut shifted, mut product) = (x, 1.0);
    while shifted < 15.0 {
        product *= shifted;
        shifted += 1.0;
    }
    let square = 1.0 / (shifted * shifted);
    let series = COEFFICIENTS
        .iter()
        .rev()
        .fold(0.0, |sum, coefficient| sum * square + coefficient);
    (shifted - 0.5) * shifted.ln() - shifted + 0.5 * std::f64::consts::TAU.ln() + series / shifted
        - f64::ln(product)
}
