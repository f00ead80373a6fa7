use burn::tensor::{Device, Tensor, TensorData};

use super::*;
use crate::gradients::values_of;
use crate::init::RandomParams;
use crate::lora::{Attach, Factors};
use crate::params::{Engine, Params};
use crate::{Linear, visit_fields};

/// Two layers around a curve, with a second input.
#[derive(Debug, Clone)]
struct Pair {
    first: Linear,
    second: Linear,
}

visit_fields!(Pair { first, second });

impl Pair {
    fn new(device: &Device) -> Self {
        let mut random = RandomParams::new(5);
        let params = Params::new(&mut random, device, Engine::Exact);
        let mut pair = Self {
            first: Linear::new(&params.at("first"), 5, 7).unwrap(),
            second: Linear::new(&params.at("second"), 7, 3).unwrap(),
        };
        let factors = |layer: &str| {
            let (inputs, outputs) = if layer == "first" { (5, 7) } else { (7, 3) };
            let values = |count: usize| (0..count).map(|i| (i as f32 * 0.7).sin()).collect();
            Some(Factors {
                rank: 2,
                scale: 0.5,
                down: values(2 * inputs),
                up: values(2 * outputs),
            })
        };
        pair.visit(
            "",
            &mut Attach {
                factors,
                strength: 1.0,
                device,
                trainable: true,
            },
        );
        pair
    }

    fn forward(&self, x: Tensor<2>, shift: Tensor<2>) -> Tensor<2> {
        let hidden = self.first.forward(x) + shift;
        self.second.forward(hidden.clone() * hidden)
    }

    fn again(&self, x: Tensor<2>, shift: Tensor<2>) -> Tensor<2> {
        recomputed(self, vec![x.into(), shift.into()], |pair: &Self, inputs| {
            pair.forward(inputs[0].tensor(), inputs[1].tensor())
        })
    }
}

fn values(shape: [usize; 2], device: &Device) -> Tensor<2> {
    let count = shape.iter().product::<usize>();
    let values: Vec<f32> = (0..count).map(|i| (i as f32 * 1.3).cos()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

type Run = fn(&Pair, Tensor<2>, Tensor<2>) -> Tensor<2>;

/// Loss and gradients of the input (where wanted), the shift and all factors, as bits.
fn bits(run: Run, wants_input: bool) -> Vec<Vec<u32>> {
    let device = Device::flex().autodiff();
    let pair = Pair::new(&device);
    let (x, shift) = (values([4, 5], &device), values([4, 7], &device));
    let x = if wants_input { x.require_grad() } else { x };
    let shift = shift.require_grad();
    let middle = run(&pair, x.clone(), shift.clone());
    let loss = (middle.clone() * middle).mean();
    let mut results = vec![values_of(loss.clone())];
    let gradients = loss.backward();
    let mut keep = |tensor: &Tensor<2>| {
        results.extend(tensor.grad(&gradients).map(values_of));
    };
    keep(&x);
    keep(&shift);
    for layer in [&pair.first, &pair.second] {
        keep(&layer.adapters[0].down);
        keep(&layer.adapters[0].up);
    }
    let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect();
    results.into_iter().map(bits).collect()
}

#[test]
fn a_part_that_runs_twice_gives_the_same_bits() {
    for wants_input in [false, true] {
        let once = bits(Pair::forward, wants_input);
        let twice = bits(Pair::again, wants_input);
        assert_eq!(once.len(), if wants_input { 7 } else { 6 });
        assert_eq!(once, twice);
        assert!(
            once.iter()
                .all(|values| values.iter().any(|&bits| bits != 0))
        );
    }
}

#[test]
fn parts_may_hold_parts() {
    let device = Device::flex().autodiff();
    let pair = Pair::new(&device);
    let (x, shift) = (
        values([4, 5], &device),
        values([4, 7], &device).require_grad(),
    );
    let loss = |y: Tensor<2>| (y.clone() * y).mean();
    let outer = recomputed(
        &pair,
        vec![x.clone().into(), shift.clone().into()],
        |pair: &Pair, inputs| pair.again(inputs[0].tensor(), inputs[1].tensor()),
    );
    let nested = loss(outer).backward();
    let plain = loss(pair.forward(x, shift.clone())).backward();
    let read = |tensor: &Tensor<2>, gradients| values_of(tensor.grad(gradients).unwrap());
    for tensor in [
        &shift,
        &pair.first.adapters[0].down,
        &pair.second.adapters[0].up,
    ] {
        assert_eq!(read(tensor, &nested), read(tensor, &plain));
    }
}

#[test]
fn without_gradients_a_part_simply_runs() {
    let device = Device::flex();
    let pair = Pair::new(&device.clone().autodiff());
    let mut plain = pair.clone();
    plain.visit("", &mut crate::lora::Detach);
    let (x, shift) = (values([4, 5], &device), values([4, 7], &device));
    let y = plain.again(x.clone(), shift.clone());
    assert!(!y.is_tracked());
    assert_eq!(values_of(y), values_of(plain.forward(x, shift)));
}

#[test]
fn a_tensor_that_takes_no_part_has_a_gradient_of_zeros_or_none() {
    let device = Device::flex().autodiff();
    let pair = Pair::new(&device);
    let (x, unused) = (
        values([4, 5], &device),
        values([4, 7], &device).require_grad(),
    );
    let y = recomputed(
        &pair,
        vec![x.into(), unused.clone().into()],
        |pair: &Pair, inputs| pair.first.forward(inputs[0].tensor::<2>()),
    );
    let gradients = y.mean().backward();
    assert!(
        values_of(unused.grad(&gradients).unwrap())
            .iter()
            .all(|&value| value == 0.0)
    );
    let second = pair.second.adapters[0].down.grad(&gradients).unwrap();
    assert!(values_of(second).iter().all(|&value| value == 0.0));
}
