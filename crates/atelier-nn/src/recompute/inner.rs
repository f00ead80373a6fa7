//! A part with everything that its second run needs.

use std::fmt;

use burn::tensor::{Gradients, Tensor};

use super::{Wire, ops, outside};
use crate::layers::{Conv2d, Linear, Weight};
use crate::visit::{Visit, Visitor};

/// What is kept for the backward pass.
pub(super) struct Part<M, R> {
    /// The network, outside any graph.
    network: M,
    /// Which of its tensors want a gradient, in the order of the walk.
    wanted: Vec<bool>,
    /// The inputs outside any graph, and whether a gradient is wanted.
    inputs: Vec<(Wire, bool)>,
    run: R,
}

/// The gradients of a part, all flat.
pub(super) struct PartGradients {
    /// Of each input that wants one.
    pub(super) inputs: Vec<Option<Tensor<1>>>,
    /// Of all tensors of the network that want one, one after the other.
    pub(super) leaves: Option<Tensor<1>>,
}

/// A part as the backward pass sees it.
pub(super) trait Again: fmt::Debug + Send + Sync {
    /// Runs once more, and turns the gradient of the output (flat) into those of all that want one.
    fn gradients(&self, dy: Tensor<1>) -> PartGradients;
}

/// A copy of `network` outside any graph, and those of its tensors that want a gradient, flat.
pub(super) fn detached<M: Visit + Clone>(network: &M) -> (Detached<M>, Vec<Tensor<1>>) {
    let mut walk = Walk(Detach::default());
    let mut network = network.clone();
    network.visit("", &mut walk);
    let Detach { wanted, leaves } = walk.0;
    (Detached { network, wanted }, leaves)
}

/// A network outside any graph.
pub(super) struct Detached<M> {
    network: M,
    wanted: Vec<bool>,
}

impl<M, R> Part<M, R> {
    pub(super) fn new<const D: usize>(part: Detached<M>, inputs: &[Wire], run: R) -> Self
    where
        R: Fn(&M, &[Wire]) -> Tensor<D>,
    {
        let inputs = inputs
            .iter()
            .map(|input| (input.detached(), input.is_tracked()));
        Self {
            network: part.network,
            wanted: part.wanted,
            inputs: inputs.collect(),
            run,
        }
    }

    /// Runs without keeping anything.
    pub(super) fn run<const D: usize>(&self) -> Tensor<D>
    where
        R: Fn(&M, &[Wire]) -> Tensor<D>,
    {
        let inputs: Vec<Wire> = self.inputs.iter().map(|(input, _)| input.clone()).collect();
        (self.run)(&self.network, &inputs)
    }
}

/// A part with the number of axes of its output.
pub(super) struct Shaped<M, R, const D: usize>(pub(super) Part<M, R>);

impl<M, R, const D: usize> fmt::Debug for Shaped<M, R, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("inputs", &self.0.inputs.len())
            .finish_non_exhaustive()
    }
}

impl<M, R, const D: usize> Again for Shaped<M, R, D>
where
    M: Visit + Clone + Send + Sync,
    R: Fn(&M, &[Wire]) -> Tensor<D> + Send + Sync,
{
    fn gradients(&self, dy: Tensor<1>) -> PartGradients {
        let Part {
            network,
            wanted,
            inputs,
            run,
        } = &self.0;
        let mut network = network.clone();
        let wanted = || wanted.iter().copied();
        network.visit("", &mut Walk(Start(wanted())));
        let leaf = |(input, wanted): &(Wire, bool)| {
            if *wanted { input.leaf() } else { input.clone() }
        };
        let inputs: Vec<Wire> = inputs.iter().map(leaf).collect();
        let y = run(&network, &inputs);
        let count = y.dims().iter().product::<usize>();
        let mut gradients = ops::seeded(y.reshape([count]), dy).backward();
        let of_input = |input: Wire| {
            let gradient = input.flat.grad_remove(&mut gradients);
            input
                .flat
                .is_tracked()
                .then(|| or_zeros(gradient, &input.flat))
        };
        let inputs = inputs.into_iter().map(of_input).collect();
        let mut gather = Walk(Gather {
            wanted: wanted(),
            gradients,
            found: Vec::new(),
        });
        network.visit("", &mut gather);
        let found = gather.0.found;
        PartGradients {
            inputs,
            leaves: (!found.is_empty()).then(|| Tensor::cat(found, 0)),
        }
    }
}

fn or_zeros(gradient: Option<Tensor<1>>, tensor: &Tensor<1>) -> Tensor<1> {
    gradient.unwrap_or_else(|| Tensor::zeros(tensor.dims(), &tensor.device().without_autodiff()))
}

/// What is done with every tensor of a part that is not frozen.
trait EachTensor {
    fn see<const D: usize>(&mut self, tensor: &mut Tensor<D>);
}

/// Leads to every tensor that may be trained; packed weights never are.
struct Walk<F>(F);

impl<F: EachTensor> Visitor for Walk<F> {
    fn param<const D: usize>(&mut self, _name: &str, tensor: &mut Tensor<D>) {
        self.0.see(tensor);
    }

    fn linear(&mut self, _path: &str, layer: &mut Linear) {
        if let Weight::Plain(weight) = &mut layer.weight {
            self.0.see(weight);
        }
        if let Some(bias) = &mut layer.bias {
            self.0.see(bias);
        }
        for adapter in &mut layer.adapters {
            self.0.see(&mut adapter.down);
            self.0.see(&mut adapter.up);
        }
    }

    fn conv2d(&mut self, _path: &str, layer: &mut Conv2d) {
        if let Weight::Plain(weight) = &mut layer.weight {
            self.0.see(weight);
        }
        self.0.see(&mut layer.bias);
        for adapter in &mut layer.adapters {
            self.0.see(&mut adapter.down);
            if let Some(mid) = &mut adapter.mid {
                self.0.see(mid);
            }
            self.0.see(&mut adapter.up);
        }
    }
}

/// Takes tensors out of their graph and notes those that were in one.
#[derive(Default)]
struct Detach {
    wanted: Vec<bool>,
    leaves: Vec<Tensor<1>>,
}

impl EachTensor for Detach {
    fn see<const D: usize>(&mut self, tensor: &mut Tensor<D>) {
        let is_tracked = tensor.is_tracked();
        self.wanted.push(is_tracked);
        if is_tracked {
            let count = tensor.dims().iter().product::<usize>();
            self.leaves.push(tensor.clone().reshape([count]));
            *tensor = outside(tensor.clone());
        }
    }
}

/// Makes the wanted tensors starts of a graph.
struct Start<I>(I);

impl<I: Iterator<Item = bool>> EachTensor for Start<I> {
    fn see<const D: usize>(&mut self, tensor: &mut Tensor<D>) {
        if self.0.next() == Some(true) {
            *tensor = tensor.clone().require_grad();
        }
    }
}

/// Reads the gradients of the wanted tensors.
struct Gather<I> {
    wanted: I,
    gradients: Gradients,
    found: Vec<Tensor<1>>,
}

impl<I: Iterator<Item = bool>> EachTensor for Gather<I> {
    fn see<const D: usize>(&mut self, tensor: &mut Tensor<D>) {
        if self.wanted.next() == Some(true) {
            let flat = [tensor.dims().iter().product::<usize>()];
            let gradient = tensor.grad_remove(&mut self.gradients);
            let none = || Tensor::zeros(flat, &tensor.device().without_autodiff());
            self.found
                .push(gradient.map_or_else(none, |gradient| gradient.reshape(flat)));
        }
    }
}
