//! The same on a graphics processor, against the same references and to the same limits: the layers compute in f32 there too,
//! in sums of another order. `cargo xtask test` names a driver that is a program, where there is one; without any driver one
//! line says so and nothing is done.
//!
//! Every operation that networks use is here, forward and backward, since not every operation of the tensor library gives
//! what it should on every device.

use atelier_core::{Recompute, SamplerKind, Seed, Targets};
use atelier_diffusion::noise::TorchGenerator;
use atelier_nn::gradients::{gradient_of, values_of};
use atelier_nn::kernels::{self, Curve, reference};
use atelier_nn::resample;
use atelier_testkit::{assert_case_close, graphics};
use burn::tensor::{Device, Tensor, TensorData};

use crate::source::on;
use crate::stable_diffusion::{pictures, sdxl};
use crate::{adapter_kinds, adapters, layers, text, unet, vae};

/// Largest relative difference of a single operation from the processor: sums in another order, and the device's own
/// exponential and error functions.
const OPERATION: f64 = 1e-5;

/// What an operation gives on a device: its output, then the gradients of its operands.
struct Operation<'a> {
    device: &'a Device,
    random: TorchGenerator,
}

impl Operation<'_> {
    fn operand<const D: usize>(&mut self, shape: [usize; D]) -> Tensor<D> {
        let values = self.random.randn(shape.iter().product());
        Tensor::from_data(TensorData::new(values, shape), self.device).require_grad()
    }
}

/// The output, and the gradients of operands from a loss that weighs every value of it differently.
macro_rules! results {
    ($output:expr, $($operand:expr),+) => {{
        let output = $output;
        let count = output.shape().num_elements();
        let weights: Vec<f32> = (0..count).map(|place| (place as f32 * 0.37).sin()).collect();
        let weights = TensorData::new(weights, output.dims());
        let weights = Tensor::from_data(weights, &output.device());
        let mut gradients = (output.clone() * weights).sum().backward();
        vec![values_of(output), $(gradient_of(&$operand, &mut gradients)),+]
    }};
}

fn compare(case: &str, device: &Device, run: impl Fn(Operation<'_>) -> Vec<Vec<f32>>) {
    let on = |device: Device| {
        run(Operation {
            device: &device.autodiff(),
            random: TorchGenerator::new(Seed(7)),
        })
    };
    let (found, expected) = (on(device.clone()), on(Device::flex()));
    for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert_case_close(&format!("{case}.{place}"), found, expected, OPERATION);
    }
}

#[test]
fn products_and_their_gradients_are_those_of_the_processor() {
    let Some(device) = graphics() else { return };
    compare("linear", &device, |mut of| {
        let (x, w, b) = (of.operand([6, 40]), of.operand([24, 40]), of.operand([24]));
        results!(
            reference::linear(x.clone(), w.clone(), Some(b.clone())),
            x,
            w,
            b
        )
    });
    compare("low rank", &device, |mut of| {
        let (y, x) = (of.operand([6, 24]), of.operand([6, 40]));
        let (down, up) = (of.operand([4, 40]), of.operand([24, 4]));
        let factors = [down.clone(), up.clone()];
        results!(
            reference::add_low_rank(y.clone(), x.clone(), factors, 0.5),
            y,
            x,
            down,
            up
        )
    });
    for (kernel, stride, padding) in [(3, 1, 1), (3, 2, 1), (3, 2, 0), (1, 1, 0)] {
        compare("convolution", &device, |mut of| {
            let (x, w) = (
                of.operand([2, 7, 9, 8]),
                of.operand([12, 8, kernel, kernel]),
            );
            let b = of.operand([12]);
            let y = reference::conv2d(x.clone(), w.clone(), Some(b.clone()), stride, padding);
            results!(y, x, w, b)
        });
    }
    for (keys, width) in [(10, 32), (3, 64)] {
        compare("attention", &device, |mut of| {
            let (q, k) = (of.operand([2, 10, width]), of.operand([2, keys, width]));
            let v = of.operand([2, keys, width]);
            let y = reference::attend([q.clone(), k.clone(), v.clone()], 4, None);
            results!(y, q, k, v)
        });
    }
}

#[test]
fn pointwise_operations_and_their_gradients_are_those_of_the_processor() {
    let Some(device) = graphics() else { return };
    for silu in [false, true] {
        compare("group norm", &device, |mut of| {
            let (x, g, b) = (
                of.operand([2, 5, 7, 16]),
                of.operand([16]),
                of.operand([16]),
            );
            let y = reference::group_norm(x.clone(), [g.clone(), b.clone()], 4, 1e-5, silu);
            results!(y, x, g, b)
        });
    }
    compare("layer norm", &device, |mut of| {
        let (x, g, b) = (of.operand([6, 40]), of.operand([40]), of.operand([40]));
        results!(
            reference::layer_norm(x.clone(), [g.clone(), b.clone()], 1e-5),
            x,
            g,
            b
        )
    });
    for curve in [Curve::Silu, Curve::Gelu, Curve::QuickGelu] {
        compare("activation", &device, |mut of| {
            let x = of.operand([6, 40]);
            results!(reference::activation(x.clone() * 3.0, curve), x)
        });
    }
    compare("gate", &device, |mut of| {
        let x = of.operand([6, 40]);
        results!(reference::geglu(x.clone()), x)
    });
    compare("enlargement", &device, |mut of| {
        let x = of.operand([2, 3, 5, 8]);
        results!(kernels::enlarge(x.clone()), x)
    });
    compare("enlargement to a size", &device, |mut of| {
        let x = of.operand([2, 3, 5, 8]);
        results!(resample::nearest(x.clone(), 5, 9), x)
    });
    compare("side by side", &device, |mut of| {
        let (a, b) = (of.operand([2, 3, 5, 8]), of.operand([2, 3, 5, 4]));
        results!(kernels::beside(a.clone(), b.clone()), a, b)
    });
    compare("shift", &device, |mut of| {
        let (x, s) = (of.operand([2, 3, 5, 8]), of.operand([2, 8]));
        results!(kernels::shift(x.clone(), s.clone()), x, s)
    });
}

#[test]
fn every_kind_of_layer_agrees() {
    let Some(device) = graphics() else { return };
    on(&device, || {
        layers::residual_blocks_agree_with_and_without_shortcut_and_timestep();
        layers::transformers_agree_with_both_kinds_of_projection();
        layers::attention_agrees_with_itself_and_with_a_context();
        layers::the_gated_feed_forward_layer_gates_with_its_second_half();
        layers::pictures_are_halved_as_denoiser_and_autoencoder_halve_them();
        layers::pictures_are_enlarged_to_twice_the_size_and_to_a_given_one();
        layers::norms_agree_at_values_far_from_normal();
        layers::activations_agree_from_minus_eight_to_eight();
        layers::the_timestep_embedding_is_two_linear_layers_around_silu();
        layers::the_middle_of_the_autoencoder_attends_with_one_head();
        layers::the_middle_of_the_denoiser_agrees();
        layers::clip_attention_sees_only_what_comes_before();
        layers::clip_layers_agree_with_both_activations();
    });
}

#[test]
fn whole_networks_agree() {
    let Some(device) = graphics() else { return };
    on(&device, || {
        unet::head_count_written_as_head_size_is_read_as_diffusers_reads_it();
        unet::linear_projections_and_heads_per_level_agree_at_even_and_odd_sizes();
        unet::eight_channels_and_uneven_sizes_agree();
        vae::pictures_and_latents_agree_over_three_levels();
        vae::eight_latent_channels_and_sixteen_groups_agree();
        text::states_agree_with_quick_gelu_and_prefixed_names();
        text::states_agree_with_gelu_and_the_names_of_transformers_5();
        sdxl::states_and_pooled_state_of_both_encoders_are_those_of_diffusers();
    });
}

#[test]
fn loss_and_every_gradient_are_those_of_peft_computed_once_or_twice() {
    let Some(device) = graphics() else { return };
    on(&device, || {
        adapters::check_case(Targets::TransformerAndConvolution, Recompute::None);
        adapters::check_case(Targets::Attention, Recompute::Layer);
        sdxl::check_adapters(&[Targets::Attention]);
    });
}

#[test]
fn adapters_of_every_kind_act_as_their_libraries_say() {
    let Some(device) = graphics() else { return };
    on(
        &device,
        adapter_kinds::attached_adapters_of_every_kind_give_the_outputs_of_lycoris_and_peft,
    );
}

#[test]
fn a_whole_picture_is_that_of_diffusers() {
    let Some(device) = graphics() else { return };
    on(&device, || {
        pictures::check_values(SamplerKind::Ddim, "epsilon", "scaled_linear");
    });
}
