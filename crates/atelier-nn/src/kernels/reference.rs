//! The same operations composed of the tensor library's own, for every device: the reference that kernels are tested
//! against.

use super::Curve;
use burn::tensor::{Tensor, activation, module, ops::ConvOptions};

/// Convolution of `x [b, h, w, in]` with `weight [out, in, k, k]`, zeros outside.
pub fn conv2d(
    x_bhwc: Tensor<4>,
    weight_oihw: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    padding: usize,
) -> Tensor<4> {
    let options = ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1);
    let x_bchw = x_bhwc.permute([0, 3, 1, 2]);
    module::conv2d(x_bchw, weight_oihw, bias, options).permute([0, 2, 3, 1])
}

/// `x [rows, in]` times the transpose of `weight [out, in]`, plus `bias [out]`.
pub fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    let y = x.matmul(weight.transpose());
    match bias {
        Some(bias) => y + bias.unsqueeze(),
        None => y,
    }
}

/// `y + scale · (x · downᵀ) · upᵀ`.
pub fn add_low_rank(
    y: Tensor<2>,
    x: Tensor<2>,
    [down, up]: [Tensor<2>; 2],
    scale: f32,
) -> Tensor<2> {
    y + x.matmul(down.transpose()).matmul(up.transpose()) * scale
}

/// Group normalisation of `x [b, h, w, c]` with a scale and shift per channel, then `SiLU` if `silu` is set.
pub fn group_norm(
    x_bhwc: Tensor<4>,
    [gamma, beta]: [Tensor<1>; 2],
    groups: usize,
    eps: f64,
    silu: bool,
) -> Tensor<4> {
    let centred = x_bhwc.clone() - group_means(x_bhwc, groups);
    let variance = group_means(centred.clone() * centred.clone(), groups);
    let y = centred / (variance + eps).sqrt() * gamma.unsqueeze() + beta.unsqueeze();
    if silu { activation::silu(y) } else { y }
}

/// The mean of each channel's group, `[b, 1, 1, c]`.
///
/// Burn adds up along a middle axis one number after the other. Rows and columns apart keep those sums short, and so
/// exact in large pictures.
fn group_means(x_bhwc: Tensor<4>, groups: usize) -> Tensor<4> {
    let [b, _, _, c] = x_bhwc.dims();
    let by_channel = x_bhwc.mean_dim(1).mean_dim(2);
    let by_group = by_channel.reshape([b, groups, c / groups]).mean_dim(2);
    by_group
        .expand([b, groups, c / groups])
        .reshape([b, 1, 1, c])
}

/// Layer normalisation of the rows of `x [rows, d]` with a scale and shift per feature.
pub fn layer_norm(x: Tensor<2>, [gamma, beta]: [Tensor<1>; 2], eps: f64) -> Tensor<2> {
    standardized(x, eps) * gamma.unsqueeze() + beta.unsqueeze()
}

/// Rows with mean 0 and variance 1.
fn standardized(x: Tensor<2>, eps: f64) -> Tensor<2> {
    let centered = x.clone() - x.mean_dim(1);
    let variance = centered.clone().square().mean_dim(1);
    centered / (variance + eps).sqrt()
}

/// An activation function of every value.
pub fn activation<const D: usize>(x: Tensor<D>, curve: Curve) -> Tensor<D> {
    match curve {
        Curve::Silu => activation::silu(x),
        Curve::Gelu => gelu(x),
        Curve::QuickGelu => x.clone() * activation::sigmoid(x * 1.702),
    }
}

/// The exact function. The tensor library's own has the derivative of the approximation by tanh on most devices.
fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let share = (x.clone() / std::f64::consts::SQRT_2).erf() + 1.0;
    x * share / 2.0
}

/// `x [rows, 2 d]` → `[rows, d]`: the first half of a row times GELU of the second.
pub fn geglu(x: Tensor<2>) -> Tensor<2> {
    let [_, both] = x.dims();
    let value = x.clone().narrow(1, 0, both / 2);
    value * gelu(x.narrow(1, both / 2, both / 2))
}

/// Attention of queries `[b, s, heads · d]` to keys and values `[b, s', heads · d]`, with a mask `[s, s']` that is added to
/// the logits.
pub fn attend(
    [query, key, value]: [Tensor<3>; 3],
    heads: usize,
    mask_ss: Option<&Tensor<2>>,
) -> Tensor<3> {
    let [b, s, d] = query.dims();
    let scale = 1.0 / ((d / heads) as f64).sqrt();
    let query = split_heads(query * scale, heads);
    let key = split_heads(key, heads).swap_dims(2, 3);
    let value = split_heads(value, heads);
    let rows = rows_at_once(b * heads * key.dims()[3], s);
    let attend_rows = |first: usize| {
        let count = rows.min(s - first);
        let logits = query.clone().narrow(2, first, count).matmul(key.clone());
        let logits = match mask_ss {
            Some(mask) => logits + mask.clone().narrow(0, first, count).unsqueeze(),
            None => logits,
        };
        activation::softmax(logits, 3).matmul(value.clone())
    };
    let mixed = if rows < s {
        Tensor::cat((0..s).step_by(rows).map(attend_rows).collect(), 2)
    } else {
        attend_rows(0)
    };
    mixed.swap_dims(1, 2).reshape([b, s, d])
}

/// Most logits that are in memory at a time: 256 MB of them. Queries do not see each other, so that attending for some of
/// them after the others changes nothing but the memory that is needed.
pub const MOST_LOGITS: usize = 1 << 26;

fn rows_at_once(logits_per_row: usize, rows: usize) -> usize {
    (MOST_LOGITS / logits_per_row.max(1)).clamp(1, rows.max(1))
}

/// `[b, s, n · d]` → `[b, n, s, d]`.
fn split_heads(x_bsd: Tensor<3>, heads: usize) -> Tensor<4> {
    let [b, s, d] = x_bsd.dims();
    x_bsd.reshape([b, s, heads, d / heads]).swap_dims(1, 2)
}

/// `x [b, h, w, c]` → `[b, 2 h, 2 w, c]`, every pixel four times.
pub fn enlarge(x_bhwc: Tensor<4>) -> Tensor<4> {
    let [b, h, w, c] = x_bhwc.dims();
    x_bhwc
        .reshape([b, h, 1, w, 1, c])
        .expand([b, h, 2, w, 2, c])
        .reshape([b, 2 * h, 2 * w, c])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_are_attended_at_once_when_there_are_many_keys() {
        assert_eq!(rows_at_once(1000, 64), 64);
        assert_eq!(rows_at_once(1 << 20, 4096), 64);
        assert_eq!(rows_at_once(1 << 30, 4096), 1);
    }
}
