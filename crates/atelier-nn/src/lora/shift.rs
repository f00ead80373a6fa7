//! What adapters add to the numbers of norms and to biases: differences with one number per channel.

use atelier_core::WeightChange;
use burn::tensor::{Device, Tensor};

use super::AttachedChange;
use crate::layers::{Affine, Conv2d, Linear};
use crate::visit::{Visitor, join};

/// The sum of what adapters add to one number per channel.
#[derive(Debug, Clone, Default)]
pub struct Shift(Option<Tensor<1>>);

impl Shift {
    /// Whether nothing is added.
    pub(crate) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// `x` with it on its last axis, untouched where there is none.
    pub(crate) fn add_to<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match &self.0 {
            Some(shift) => x + shift.clone().unsqueeze::<D>(),
            None => x,
        }
    }

    /// Takes everything off.
    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }

    fn take(&mut self, more: Tensor<1>) {
        self.0 = Some(match self.0.take() {
            Some(shift) => shift + more,
            None => more,
        });
    }
}

/// Attaches what one adapter adds to norms and biases: `changes` gives it for the name of a parameter, or nothing. They must
/// fit the parameter.
pub struct AttachShifts<'a, F> {
    /// Looks up the change of a parameter, such as `mid_block.resnets.0.norm1.weight`.
    pub changes: F,
    /// The strength at which the adapter acts; at 0 nothing is attached.
    pub strength: f32,
    /// Where the numbers live.
    pub device: &'a Device,
}

impl<F: FnMut(&str) -> Option<WeightChange>> AttachShifts<'_, F> {
    fn on(&mut self, name: &str, count: usize, shift: &mut Shift) {
        let Some(change) = (self.changes)(name).filter(|_| self.strength != 0.0) else {
            return;
        };
        let change = AttachedChange::new(change, self.strength, self.device);
        let nothing = Tensor::zeros([count, 1], self.device);
        shift.take(change.apply(nothing).reshape([count]));
    }
}

impl<F: FnMut(&str) -> Option<WeightChange>> Visitor for AttachShifts<'_, F> {
    fn param<const D: usize>(&mut self, _name: &str, _tensor: &mut Tensor<D>) {}

    fn linear(&mut self, path: &str, layer: &mut Linear) {
        if let Some(bias) = &layer.bias {
            let [count] = bias.dims();
            self.on(&join(path, "bias"), count, &mut layer.bias_shift);
        }
    }

    fn conv2d(&mut self, path: &str, layer: &mut Conv2d) {
        let [count] = layer.bias.dims();
        self.on(&join(path, "bias"), count, &mut layer.bias_shift);
    }

    fn affine(&mut self, path: &str, affine: &mut Affine) {
        let count = affine.channels();
        self.on(&join(path, "weight"), count, &mut affine.weight_shift);
        self.on(&join(path, "bias"), count, &mut affine.bias_shift);
    }
}

#[cfg(test)]
mod tests {
    use atelier_core::{Delta, Factor, Matrix};
    use burn::tensor::TensorData;

    use super::*;
    use crate::gradients::values_of;
    use crate::init::RandomParams;
    use crate::kernels::unrounded;
    use crate::layers::{ConvShape, GroupNorm, LayerNorm};
    use crate::lora::Detach;
    use crate::params::{Engine, Init, ParamError, ParamSource, Params};
    use crate::visit::Visit as _;
    use crate::visit_fields;

    const CHANNELS: usize = 16;

    /// What is added to one channel.
    fn difference(channel: usize) -> f32 {
        (channel as f32 * 0.7).sin() * 0.5
    }

    /// Random parameters, with the differences in norms and biases or without them.
    struct Source {
        random: RandomParams,
        is_shifted: bool,
    }

    impl ParamSource for Source {
        fn load(
            &mut self,
            name: &str,
            shape: &[usize],
            init: Init,
        ) -> Result<Vec<f32>, ParamError> {
            let mut values = self.random.load(name, shape, init)?;
            if self.is_shifted && shape.len() == 1 {
                let each = values.iter_mut().enumerate();
                each.for_each(|(channel, value)| *value += difference(channel));
            }
            Ok(values)
        }
    }

    struct Layers {
        linear: Linear,
        conv: Conv2d,
        groups: GroupNorm,
        norm: LayerNorm,
    }

    visit_fields!(Layers {
        linear,
        conv,
        groups,
        norm
    });

    impl Layers {
        fn new(engine: Engine, is_shifted: bool) -> Self {
            let mut source = Source {
                random: RandomParams::new(3),
                is_shifted,
            };
            let device = Device::flex();
            let params = Params::new(&mut source, &device, engine);
            Self {
                linear: Linear::new(&params.at("linear"), CHANNELS, CHANNELS).unwrap(),
                conv: Conv2d::new(&params.at("conv"), CHANNELS, CHANNELS, ConvShape::THREE)
                    .unwrap(),
                groups: GroupNorm::new(&params.at("groups"), 4, CHANNELS, 1e-5).unwrap(),
                norm: LayerNorm::new(&params.at("norm"), CHANNELS, 1e-5).unwrap(),
            }
        }

        /// What every way through the layers gives.
        fn outputs(&self) -> Vec<Vec<f32>> {
            let device = Device::flex();
            let values: Vec<_> = (0..16 * CHANNELS)
                .map(|i| (i as f32 * 0.37).sin())
                .collect();
            let data = TensorData::new(values, [1, 4, 4, CHANNELS]);
            let picture: Tensor<4> = Tensor::from_data(data, &device);
            let rows: Tensor<3> = picture.clone().reshape([1, 16, CHANNELS]);
            let values = |rows: Tensor<3>| values_of(unrounded(rows));
            let pixels = |picture: Tensor<4>| values_of(unrounded(picture));
            vec![
                values(self.linear.forward(rows.clone())),
                values(self.linear.forward_between(&rows.clone().into())),
                values(self.linear.forward_gated(rows.clone())),
                pixels(self.conv.forward(picture.clone())),
                pixels(self.groups.forward(picture.clone())),
                pixels(self.groups.forward_silu_between(picture)),
                values(self.norm.forward(rows.clone())),
                values(self.norm.forward_between(rows)),
            ]
        }

        /// Attaches twice the differences.
        fn attach(&mut self, strength: f32) {
            let change = |name: &str| {
                let is_weight = matches!(name, "linear.weight" | "conv.weight");
                assert!(!is_weight, "`{name}` is asked for");
                let values = (0..CHANNELS).map(|channel| 2.0 * difference(channel));
                let whole = Matrix {
                    rows: CHANNELS,
                    columns: 1,
                    values: values.collect(),
                };
                Some(WeightChange {
                    delta: Delta::Plain(Factor::Whole(whole)),
                    scale: 1.0,
                    magnitude: None,
                })
            };
            let mut attach = AttachShifts {
                changes: change,
                strength,
                device: &Device::flex(),
            };
            self.visit("", &mut attach);
        }
    }

    #[test]
    fn attached_differences_act_as_those_in_the_parameters() {
        for (engine, tolerance) in [
            (Engine::Reference, 1e-5),
            (Engine::Exact, 1e-5),
            // what lies between layers is rounded in other places
            (Engine::Mixed, 3e-2),
            (Engine::Small, 3e-2),
        ] {
            let expected = Layers::new(engine, true).outputs();
            let mut layers = Layers::new(engine, false);
            let bare = layers.outputs();
            layers.attach(0.0);
            assert_eq!(layers.outputs(), bare, "{engine:?} at strength 0");
            // Two adapters at a quarter of twice the differences.
            layers.attach(0.25);
            layers.attach(0.25);
            for (way, (got, expected)) in layers.outputs().iter().zip(&expected).enumerate() {
                let pairs = got.iter().zip(expected);
                let error = pairs.fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
                assert!(error <= tolerance, "{engine:?}, way {way}: {error}");
            }
            layers.visit("", &mut Detach);
            assert_eq!(layers.outputs(), bare, "{engine:?} after taking them off");
        }
    }
}
