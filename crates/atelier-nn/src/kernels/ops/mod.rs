//! The kernels as operations of the tensor library on the CPU, each with its backward pass: one file per operation.

pub(super) mod activation;
pub(super) mod adapted;
pub(super) mod attention;
pub(super) mod conv2d;
pub(super) mod gate;
pub(super) mod held;
pub(super) mod linear;
pub(super) mod low_rank;
pub(super) mod norm;
pub(super) mod picture;
pub(super) mod widen;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::{DType, Tensor, TensorData, bf16};

use super::level::Level;
use super::pointwise::kept::{self, Activation, Precision, View};

/// Whether the kernels run on this tensor: f32 in the memory of this processor.
pub(super) fn is_here<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.dtype() == DType::F32 && crate::device::is_processor(&tensor.device())
}

/// Whether the values of this tensor are rounded to bf16, in the memory of this processor.
pub(super) fn is_rounded<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.dtype() == DType::BF16 && crate::device::is_processor(&tensor.device())
}

/// Whether this tensor holds numbers rounded to bf16.
fn holds_halves(tensor: &FlexTensor) -> bool {
    tensor.dtype() == DType::BF16
}

/// Whether operands of products are rounded to bf16, in both passes: where that is quicker, and what is kept may be rounded too.
fn takes_halves(precision: Precision) -> bool {
    precision == Precision::Rounded && Level::best().multiplies_matrices()
}

/// Whether attention rounds its operands to 16 bits, likewise.
fn attends_in_halves(precision: Precision) -> bool {
    precision == Precision::Rounded && Level::best().multiplies_halves()
}

/// Runs `f` on the values of `tensor` in row-major order.
fn with_view<R>(tensor: &FlexTensor, f: impl FnOnce(View<'_>) -> R) -> R {
    if let Some(values) = tensor.as_slice::<f32>() {
        return f(View::Exact(values));
    }
    if let Some(values) = tensor.as_slice::<bf16>() {
        return f(View::Rounded(halves(values)));
    }
    let contiguous = tensor.to_contiguous();
    let count = contiguous.layout().num_elements();
    match contiguous.dtype() {
        DType::BF16 => f(View::Rounded(halves(&contiguous.storage()[..count]))),
        _ => f(View::Exact(&contiguous.storage()[..count])),
    }
}

/// The bits of numbers.
fn halves(values: &[bf16]) -> &[u16] {
    // SAFETY: a number is its bits.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len()) }
}

/// Runs `f` on the values of `tensor` in row-major order, as f32.
fn with_values<R>(tensor: &FlexTensor, f: impl FnOnce(&[f32]) -> R) -> R {
    with_view(tensor, |view| match view {
        View::Exact(values) => f(values),
        View::Rounded(halves) => f(&kept::widened(Level::best(), halves)),
    })
}

/// The same values as f32 in row-major order with nothing around them, so that they can be changed in place.
fn whole(tensor: FlexTensor) -> FlexTensor {
    let count = tensor.layout().num_elements();
    let plain = tensor.dtype() == DType::F32
        && tensor.is_contiguous()
        && tensor.layout().start_offset() == 0
        && tensor.storage::<f32>().len() == count;
    if plain {
        return tensor;
    }
    let shape = tensor.shape();
    let values = with_view(&tensor, |view| match view {
        View::Exact(values) => values.to_vec(),
        View::Rounded(halves) => kept::widened(Level::best(), halves),
    });
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// Runs `f` on the values of `tensor`, to be changed; they are copied first where others hold them too.
fn change(tensor: FlexTensor, f: impl FnOnce(&mut [f32])) -> FlexTensor {
    let mut tensor = whole(tensor);
    f(tensor.storage_mut::<f32>());
    tensor
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// What a kernel wrote, as a tensor.
fn activation_tensor<const D: usize>(values: Activation, shape: [usize; D]) -> FlexTensor {
    match values {
        Activation::Exact(values) => tensor(values, shape),
        Activation::Rounded(halves) => {
            let halves = std::mem::ManuallyDrop::new(halves);
            let (length, capacity) = (halves.len(), halves.capacity());
            let at = halves.as_ptr().cast_mut().cast::<bf16>();
            // SAFETY: the memory of a vector that is not dropped; a number is its bits.
            let values = unsafe { Vec::from_raw_parts(at, length, capacity) };
            FlexTensor::from_data(TensorData::new(values, shape))
        }
    }
}

/// What a backward pass keeps of an activation: the tensor itself, shared with whoever else holds it, or its own copy in
/// half the memory.
#[derive(Debug, Clone)]
enum Kept {
    Exact(FlexTensor),
    Rounded(std::sync::Arc<Vec<u16>>),
}

impl Kept {
    fn new(tensor: &FlexTensor, precision: Precision) -> Self {
        match precision {
            Precision::Exact => Self::Exact(tensor.clone()),
            Precision::Rounded => {
                let rounded = with_values(tensor, |values| kept::rounded(Level::best(), values));
                Self::Rounded(rounded.into())
            }
        }
    }

    /// Runs `f` on the values as they are kept.
    fn with_view<R>(&self, f: impl FnOnce(View<'_>) -> R) -> R {
        match self {
            Self::Exact(tensor) => with_values(tensor, |values| f(View::Exact(values))),
            Self::Rounded(values) => f(View::Rounded(values)),
        }
    }
}

/// Ends an operation of the autodiff backend: `state` is made, and kept for the backward pass, only when the gradient of a
/// node is wanted.
macro_rules! finish {
    ($backward:expr, $nodes:expr, $output:expr, $state:expr) => {
        match $backward.prepare::<C>($nodes).compute_bound().stateful() {
            ::burn::backend::autodiff::ops::OpsKind::Tracked(prep) => {
                let state = $state;
                prep.finish(state, $output)
            }
            ::burn::backend::autodiff::ops::OpsKind::UnTracked(prep) => prep.finish($output),
        }
    };
}
pub(crate) use finish;
