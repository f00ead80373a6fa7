//! Maps with adapters on them, and operations whose results are rounded for those that read them.

use atelier_core::{Delta, Factor};

use super::*;
use crate::init::RandomParams;
use crate::layers::{Conv2d, ConvShape, GroupNorm, LayerNorm, Linear};
use crate::lora::AttachedChange;
use crate::params::{Engine, Params};

#[test]
fn an_adapted_map_is_the_map_with_its_adapters() {
    let x = tracked([41, 26], 1);
    let outputs = [30, 70];
    let weights = outputs.map(|outputs| (numbers([outputs, 26], 2), numbers([outputs], 3)));
    let (down, up) = (
        tracked([5, 26], 4),
        outputs.map(|outputs| tracked([outputs, 5], 5)),
    );
    let gather = |g: &burn::tensor::Gradients| {
        vec![
            grad(&x, g),
            grad(&down, g),
            grad(&up[0], g),
            grad(&up[1], g),
        ]
    };
    // two maps of one input, with the same first factor, and a second adapter on each
    let both = |map: &dyn Fn(usize) -> Tensor<2>| run(Tensor::cat(vec![map(0), map(1)], 1), gather);
    let expected = both(&|i| {
        let (weight, bias) = weights[i].clone();
        let y = reference::linear(x.clone(), weight, Some(bias));
        let factors = || [down.clone(), up[i].clone()];
        let y = reference::add_low_rank(y, x.clone(), factors(), 0.7);
        reference::add_low_rank(y, x.clone(), factors(), -0.3)
    });
    for (format, keep, tolerance) in [
        (WeightFormat::Float, Keep::Exact, EXACT),
        (WeightFormat::Float, Keep::Rounded, of_rows()),
        (WeightFormat::Whole, Keep::Rounded, ROUNDED),
        (WeightFormat::Byte, Keep::Rounded, 2.0 * ROUNDED),
    ] {
        let frozen = weights.each_ref().map(|(weight, bias)| {
            let bias = values_of(bias.clone());
            let sizes = [bias.len(), 26, 1];
            Arc::new(Frozen::new(
                &values_of(weight.clone()),
                sizes,
                Some(bias),
                format,
            ))
        });
        for held in [Held::shared(x.clone()), x.clone().into()] {
            let got = both(&|i| {
                let factors = || [down.clone(), up[i].clone()];
                let precision = [keep, Keep::Exact];
                let y = adapted_linear(held.clone(), &frozen[i], factors(), 0.7, precision);
                add_low_rank(y, held.clone(), factors(), -0.3, keep)
            });
            compare(&format!("{format:?} {keep:?}"), &got, &expected, tolerance);
        }
    }
}

/// The operations of a transformer block in f32, and with what lies between two of them rounded to bf16.
#[test]
fn what_lies_between_products_may_be_rounded() {
    // whole lines of units, and others
    for [width, heads] in [[64, 2], [40, 2]] {
        let x = tracked([2 * 9, width], 1);
        let affine = [numbers([width], 2) + 1.0, numbers([width], 3)];
        let square = |seed| numbers([width, width], seed) * 0.2;
        let weights = [square(4), square(5), square(6), square(7)];
        let (wide, back) = (
            numbers([4 * width, width], 8) * 0.2,
            numbers([width, 2 * width], 9) * 0.2,
        );
        let factors: [_; 4] = std::array::from_fn(|i| {
            let seed = 10 + 2 * i as u64;
            [tracked([4, width], seed), tracked([width, 4], seed + 1)]
        });
        let gather = |g: &burn::tensor::Gradients| -> Vec<Vec<f32>> {
            let factors = factors.iter().flatten().map(|factor| grad(factor, g));
            [grad(&x, g)].into_iter().chain(factors).collect()
        };
        let tokens = |x: Tensor<2>| x.reshape([2, 9, width]);
        let flat = |x: Tensor<3>| x.reshape([18, width]);

        let map = |x: &Tensor<2>, i: usize| {
            let y = reference::linear(x.clone(), weights[i].clone(), None);
            reference::add_low_rank(y, x.clone(), factors[i].clone(), 0.5)
        };
        let normal = reference::layer_norm(x.clone(), affine.clone(), 1e-5);
        let operands = [0, 1, 2].map(|i| tokens(map(&normal, i)));
        let y = map(&flat(reference::attend(operands, heads, None)), 3) + x.clone();
        let normal = reference::layer_norm(y.clone(), affine.clone(), 1e-5);
        let gated = reference::geglu(reference::linear(normal, wide.clone(), None));
        let expected = run(reference::linear(gated, back.clone(), None) + y, gather);

        let frozen = |weight: &Tensor<2>| {
            let [outputs, inputs] = weight.dims();
            let values = values_of(weight.clone());
            Arc::new(Frozen::new(
                &values,
                [outputs, inputs, 1],
                None,
                WeightFormat::Whole,
            ))
        };
        let with = |between: Keep| {
            let both = [Keep::Rounded, between];
            let map = |x: Held<2>, i: usize, result| {
                let precision = [Keep::Rounded, result];
                adapted_linear(x, &frozen(&weights[i]), factors[i].clone(), 0.5, precision)
            };
            let normal = Held::shared(layer_norm(x.clone(), affine.clone(), 1e-5, both));
            let operands = [0, 1, 2].map(|i| tokens(map(normal.clone(), i, between)));
            let attended = attend(operands, heads, Keep::Rounded);
            let y = map(attended.rows(), 3, Keep::Exact) + x.clone();
            let normal = layer_norm(y.clone(), affine.clone(), 1e-5, both);
            let gated = frozen_geglu(normal, &frozen(&wide), both);
            assert_eq!(gated.dtype() == DType::BF16, between == Keep::Rounded);
            let gated = Held::between(gated);
            run(
                frozen_linear(gated, &frozen(&back), Keep::Exact) + y,
                gather,
            )
        };
        let errors = [Keep::Exact, Keep::Rounded].map(|between| {
            let got = with(between);
            let all = got.iter().zip(&expected);
            all.map(|(got, expected)| error(got, expected))
                .collect::<Vec<_>>()
        });
        for (exact, rounded) in errors[0].iter().zip(&errors[1]) {
            // products round their operands to bf16 where that is quicker: then it costs nothing to do so before
            let most = if rounds_to_bf16() {
                1.5 * exact + 3e-3
            } else {
                0.2
            };
            assert!(*rounded < most, "{width}: {errors:?}");
        }
    }
}

#[test]
fn a_rounded_tensor_serves_maps_that_are_trained() {
    // rows that products read where they lie, and rows that are copied for them
    for width in [64, 40] {
        let affine = [numbers([width], 2), numbers([width], 3)];
        let x = tracked([37, width], 1);
        let weights = [tracked([30, width], 4), tracked([30, width], 5)];
        let gather = |g: &burn::tensor::Gradients| {
            vec![grad(&x, g), grad(&weights[0], g), grad(&weights[1], g)]
        };
        let both =
            |map: &dyn Fn(usize) -> Tensor<2>| run(Tensor::cat(vec![map(0), map(1)], 1), gather);
        let normal = reference::layer_norm(x.clone(), affine.clone(), 1e-5);
        let expected = both(&|i| reference::linear(normal.clone(), weights[i].clone(), None));
        for (format, _) in formats() {
            for (result, is_shared) in [Keep::Exact, Keep::Rounded]
                .into_iter()
                .flat_map(|result| [(result, false), (result, true)])
            {
                let precision = [Keep::Rounded, result];
                let normal = layer_norm(x.clone(), affine.clone(), 1e-5, precision);
                assert_eq!(normal.dtype() == DType::BF16, result == Keep::Rounded);
                let held = if is_shared {
                    Held::shared(normal)
                } else {
                    normal.into()
                };
                let map = |i: usize| trained_linear(held.clone(), weights[i].clone(), None, format);
                let name = format!("{width} {format:?} {result:?} {is_shared}");
                compare(&name, &both(&map), &expected, 2.0 * ROUNDED);
            }
        }
    }
}

#[test]
fn a_rounded_picture_serves_a_convolution_that_is_trained() {
    for (channels, stride) in [(24, 1), (24, 2), (100, 1)] {
        let affine = [numbers([channels], 2), numbers([channels], 3)];
        let (x, weight) = (
            tracked([2, 8, 8, channels], 1),
            tracked([20, channels, 3, 3], 4),
        );
        let gather = |g: &burn::tensor::Gradients| vec![grad(&x, g), grad(&weight, g)];
        let normal = reference::group_norm(x.clone(), affine.clone(), 4, 1e-5, true);
        let y = reference::conv2d(normal, weight.clone(), None, stride, 1);
        let expected = run(y, gather);
        for (format, _) in formats() {
            let precision = [Keep::Rounded; 2];
            let normal = group_norm(x.clone(), affine.clone(), 4, 1e-5, true, precision);
            assert_eq!(normal.dtype(), DType::BF16);
            let y = trained_conv2d(normal, weight.clone(), None, format, stride, 1);
            let name = format!("{channels} {stride} {format:?}");
            compare(&name, &run(y, gather), &expected, 2.0 * ROUNDED);
        }
    }
}

#[test]
fn a_rounded_picture_serves_a_convolution_and_what_reads_f32() {
    let (x, affine) = (
        tracked([2, 7, 9, 24], 1),
        [numbers([24], 2), numbers([24], 3)],
    );
    let (weight, one) = (numbers([20, 24, 3, 3], 4), numbers([20, 24, 1, 1], 5));
    let gather = |g: &burn::tensor::Gradients| vec![grad(&x, g)];
    let normal = reference::group_norm(x.clone(), affine.clone(), 4, 1e-5, true);
    let y = reference::conv2d(normal.clone(), weight.clone(), None, 1, 1);
    let beside = reference::conv2d(normal, one.clone(), None, 1, 0);
    let expected = run(y + beside, gather);
    for format in [WeightFormat::Float, WeightFormat::Whole, WeightFormat::Byte] {
        let precision = [Keep::Rounded; 2];
        let normal = group_norm(x.clone(), affine.clone(), 4, 1e-5, true, precision);
        assert_eq!(normal.dtype(), DType::BF16);
        let frozen = Frozen::new(&values_of(weight.clone()), [20, 24, 9], None, format);
        let y = frozen_conv2d(normal.clone(), &Arc::new(frozen), 1, 1);
        let beside = reference::conv2d(unrounded(normal), one.clone(), None, 1, 0);
        let got = run(y + beside, gather);
        compare(&format!("{format:?}"), &got, &expected, 2.0 * ROUNDED);
    }
}

/// Layers behind a norm, whose weights an adapter changes: by kernels as by the reference, for the gradient of what comes in.
#[test]
fn layers_with_changed_weights_hand_gradients_on() {
    let loha = |rows: usize, columns: usize| {
        let factor = |seed| Factor::Product {
            left: numbers([rows, 4], seed),
            right: numbers([4, columns], seed + 1),
        };
        let delta = Delta::Hadamard(factor(3), factor(5));
        AttachedChange::of_delta(delta, 0.1, 0.7)
    };
    let (x, picture) = (tracked([2, 9, 64], 1), tracked([2, 8, 8, 64], 2));
    let gather = |g: &burn::tensor::Gradients| vec![grad(&x, g), grad(&picture, g)];
    let of = |engine: Engine| {
        let mut source = RandomParams::new(7);
        let params = Params::new(&mut source, &device(), engine);
        let norm = LayerNorm::new(&params, 64, 1e-5).unwrap();
        let mut map = Linear::new(&params, 64, 30).unwrap();
        let groups = GroupNorm::new(&params, 4, 64, 1e-5).unwrap();
        let mut conv = Conv2d::new(&params, 64, 20, ConvShape::THREE).unwrap();
        map.changes.push(loha(30, 64));
        conv.changes.push(loha(20, 64 * 9));
        let y = map.forward(norm.forward_between(x.clone()));
        let z = conv.forward(groups.forward_silu_between(picture.clone()));
        let both = Tensor::cat(vec![y.reshape([540]), z.reshape([2560])], 0);
        run(both, gather)
    };
    let expected = of(Engine::Reference);
    compare("exact", &of(Engine::Exact), &expected, EXACT);
    compare("bf16", &of(Engine::Mixed), &expected, 2.0 * ROUNDED);
    compare("int8", &of(Engine::Small), &expected, 4.0 * ROUNDED);
}
