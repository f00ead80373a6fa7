//! Scaled dot-product attention without a tensor of tokens × tokens.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;

use super::super::attention::{self, Shape, halves};
use super::super::level::Level;
use super::super::pointwise::kept::{Activation, Precision};
use super::held::{Held, KeptTensor, Slot, keep, kept};
use super::{
    activation_tensor, attends_in_halves, finish, holds_halves, is_rounded, takes_halves,
    with_values, with_view,
};

/// Attention as a backend supplies it.
#[backend_extension(Autodiff, Flex)]
pub(crate) trait AttentionOps: Backend {
    /// Queries `[b, s, heads · d]` attend to keys and values `[b, s', heads · d]`. What is kept of the output for the
    /// backward pass comes to lie in `copy`.
    fn attend(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        heads: usize,
        precision: Precision,
        copy: Slot,
    ) -> FloatTensor<Self>;
}

/// [`AttentionOps::attend`] on tensors.
pub(crate) fn attend(operands: [Tensor<3>; 3], heads: usize, precision: Precision) -> Held<3> {
    let [query, key, value] = operands.map(Tensor::into_dispatch);
    let copy = Slot::default();
    let output = Dispatch::attend(query, key, value, heads, precision, Slot::clone(&copy));
    let output = Tensor::from_dispatch(output);
    if is_rounded(&output) {
        Held::between(output)
    } else {
        Held::new(output, copy)
    }
}

fn shape_of(query: &FlexTensor, key: &FlexTensor, heads: usize) -> Shape {
    let ([batch, queries, width], [_, keys, _]) = (query.shape().dims(), key.shape().dims());
    Shape {
        batch,
        heads,
        queries,
        keys,
        head_size: width / heads,
    }
}

fn forward(
    shape: &Shape,
    operands: [&FlexTensor; 3],
    precision: Precision,
) -> (FlexTensor, Vec<f32>) {
    let [query, key, value] = operands;
    let level = Level::best();
    let (values, log_sums) = if attends_in_halves(precision) {
        with_view(query, |q| {
            with_view(key, |k| {
                with_view(value, |v| halves::forward(level, shape, [q, k, v]))
            })
        })
    } else {
        let (values, log_sums) = with_values(query, |q| {
            with_values(key, |k| {
                with_values(value, |v| attention::forward(level, shape, q, k, v))
            })
        });
        (Activation::Exact(values), log_sums)
    };
    (
        activation_tensor(values, query.shape().dims::<3>()),
        log_sums,
    )
}

impl AttentionOps for Flex {
    fn attend(
        query: FlexTensor,
        key: FlexTensor,
        value: FlexTensor,
        heads: usize,
        precision: Precision,
        _copy: Slot,
    ) -> FlexTensor {
        let shape = shape_of(&query, &key, heads);
        forward(&shape, [&query, &key, &value], precision).0
    }
}

/// What an attention keeps: its operands, its output, and the sums of its exponentials.
#[derive(Debug, Clone)]
struct State {
    shape: Shape,
    precision: Precision,
    /// How gradients are written.
    slope: Precision,
    operands: [KeptTensor; 3],
    output: Slot,
    log_sums: Vec<f32>,
}

#[derive(Debug)]
struct AttentionBackward;

impl Backward<Flex, 3> for AttentionBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        let State {
            shape,
            precision,
            slope,
            operands: [query, key, value],
            output,
            log_sums,
        } = &ops.state;
        let level = Level::best();
        let gradients = if attends_in_halves(*precision) {
            query.with_view(|q| {
                key.with_view(|k| {
                    value.with_view(|v| {
                        kept(output).with_view(|output| {
                            with_view(&dy, |dy| {
                                let operands = [q, k, v];
                                halves::backward(
                                    level, shape, operands, output, log_sums, dy, *slope,
                                )
                            })
                        })
                    })
                })
            })
        } else {
            query
                .with_values(|q| {
                    key.with_values(|k| {
                        value.with_values(|v| {
                            kept(output).with_values(|output| {
                                with_values(&dy, |dy| {
                                    let operands = [q, k, v];
                                    attention::backward(
                                        level, shape, operands, output, log_sums, dy,
                                    )
                                })
                            })
                        })
                    })
                })
                .map(Activation::Exact)
        };
        let width = shape.heads * shape.head_size;
        let tokens = [shape.queries, shape.keys, shape.keys];
        for ((node, values), tokens) in ops.parents.into_iter().zip(gradients).zip(tokens) {
            if let Some(node) = node {
                let values = activation_tensor(values, [shape.batch, tokens, width]);
                grads.register::<Flex>(node.id, values);
            }
        }
    }
}

impl<C: CheckpointStrategy> AttentionOps for Autodiff<Flex, C> {
    fn attend(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        heads: usize,
        precision: Precision,
        copy: Slot,
    ) -> FloatTensor<Self> {
        let nodes = [query.node(), key.node(), value.node()];
        let operands = [query.primitive(), key.primitive(), value.primitive()];
        let shape = shape_of(operands[0], operands[1], heads);
        let (output, log_sums) = forward(&shape, operands, precision);
        finish!(AttentionBackward, nodes, output, {
            State {
                shape,
                precision,
                slope: if holds_halves(operands[0]) {
                    Precision::Rounded
                } else {
                    Precision::Exact
                },
                // Weights are computed again from queries and keys, which are kept so exactly that they are those of the sums
                // that are kept, or nearly.
                operands: operands.map(|operand| {
                    if takes_halves(precision) {
                        KeptTensor::halved(operand)
                    } else {
                        KeptTensor::new(operand, precision)
                    }
                }),
                output: keep(&copy, &output, precision),
                log_sums,
            }
        })
    }
}
