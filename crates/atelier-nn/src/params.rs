//! Where a layer gets its parameters from: a weights file when loading, a random source when training from nothing.
//! Layers ask by name and shape and never see a file.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use atelier_core::{BoxedError, Coded, ErrorCode};
use burn::tensor::{Device, Tensor, TensorData};

use crate::device::is_processor;
use crate::kernels::{Frozen, Keep, KeptWeight, WeightFormat, rounds_to_bf16};

/// A parameter could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ParamError {
    /// The source has no tensor of that name.
    #[error("weights lack tensor `{name}` of shape {shape:?}")]
    Missing {
        /// The full name.
        name: String,
        /// The shape that the configuration asks for.
        shape: Vec<usize>,
    },
    /// The tensor has another shape than the configuration says.
    #[error("tensor `{name}` has shape {got:?}, the configuration asks for {expected:?}")]
    Shape {
        /// The full name.
        name: String,
        /// The shape in the file.
        got: Vec<usize>,
        /// The shape that the configuration asks for.
        expected: Vec<usize>,
    },
    /// The source failed.
    #[error("{0}")]
    Source(BoxedError),
}

impl Coded for ParamError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Missing { .. } | Self::Shape { .. } => ErrorCode::BadBase,
            Self::Source(source) => source.code(),
        }
    }
}

/// How a parameter starts when nothing is loaded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// All zero.
    Zeros,
    /// All one.
    Ones,
    /// Normal with this standard deviation.
    Normal(f32),
    /// Uniform within ±1/√`fan_in`: `PyTorch`'s default for linear and convolution layers.
    FanIn(usize),
}

/// Gives parameters by name.
pub trait ParamSource {
    /// The values of `name` in row-major order.
    fn load(&mut self, name: &str, shape: &[usize], init: Init) -> Result<Vec<f32>, ParamError>;
}

/// Packed weights that outlive the program, by the names of their parameters.
pub trait KeptWeights {
    /// The weight `name` of these sizes (outputs, inputs, positions of the kernel), where it was packed before.
    fn find(&mut self, name: &str, sizes: [usize; 3]) -> Option<KeptWeight>;
    /// Learns of a weight that was packed just now.
    fn add(&mut self, name: &str, weight: &Arc<Frozen>);
}

/// Which arithmetic the layers use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Engine {
    /// The tensor library's own operations in f32: the reference, and what every device but the processor runs.
    Reference,
    /// Our kernels in f32, on weights that are packed once and never change.
    #[default]
    Exact,
    /// Our kernels on frozen weights in 16 bits, with products of 16 bits; what backward passes keep is rounded.
    Mixed,
    /// As `Mixed`, with frozen weights in 8 bits.
    Small,
    /// Our kernels on weights that are trained, with products of 16 bits; what backward passes keep is rounded where there is a
    /// matrix unit.
    Trained,
}

impl Engine {
    /// How frozen weights are held; nothing where they are plain tensors.
    pub fn frozen_format(self) -> Option<WeightFormat> {
        match self {
            Self::Exact => Some(WeightFormat::Float),
            Self::Mixed => Some(WeightFormat::Whole),
            Self::Small => Some(WeightFormat::Byte),
            Self::Reference | Self::Trained => None,
        }
    }

    /// The arithmetic of an autoencoder beside a denoiser with this one: pictures show weights of 8 bits, and its weights
    /// are few.
    #[must_use]
    pub fn of_autoencoder(self) -> Self {
        match self {
            Self::Small => Self::Mixed,
            other => other,
        }
    }

    /// How activations are written that only products read: rounded where these round them anyway.
    pub fn between(self) -> Keep {
        match self {
            Self::Mixed | Self::Trained if rounds_to_bf16() => Keep::Rounded,
            _ => Keep::Exact,
        }
    }

    /// How backward passes keep activations.
    pub fn keep(self) -> Keep {
        match self {
            Self::Mixed | Self::Small => Keep::Rounded,
            Self::Trained if rounds_to_bf16() => Keep::Rounded,
            Self::Reference | Self::Exact | Self::Trained => Keep::Exact,
        }
    }
}

/// A place in the tree of parameters, with where to get them, on which device, and for which arithmetic.
#[derive(Clone)]
pub struct Params<'a> {
    source: Rc<RefCell<&'a mut dyn ParamSource>>,
    kept: Option<Rc<RefCell<&'a mut dyn KeptWeights>>>,
    path: String,
    device: Device,
    engine: Engine,
}

impl<'a> Params<'a> {
    /// The root of the tree. Away from the processor there are no kernels, so that layers compute by the reference.
    pub fn new(source: &'a mut dyn ParamSource, device: &Device, engine: Engine) -> Self {
        let engine = if is_processor(device) {
            engine
        } else {
            Engine::Reference
        };
        Self {
            source: Rc::new(RefCell::new(source)),
            kept: None,
            path: String::new(),
            device: device.clone(),
            engine,
        }
    }

    /// The same, with packed weights taken from `kept` where they are there, and shown to it where they are not.
    #[must_use]
    pub fn with_kept(self, kept: &'a mut dyn KeptWeights) -> Self {
        Self {
            kept: Some(Rc::new(RefCell::new(kept))),
            ..self
        }
    }

    /// The place `name` below this one.
    #[must_use]
    pub fn at(&self, name: impl std::fmt::Display) -> Self {
        let path = if self.path.is_empty() {
            name.to_string()
        } else {
            format!("{}.{name}", self.path)
        };
        Self {
            path,
            ..self.clone()
        }
    }

    /// The arithmetic that layers built here use.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The parameter `name` at this place.
    pub fn tensor<const D: usize>(
        &self,
        name: &str,
        shape: [usize; D],
        init: Init,
    ) -> Result<Tensor<D>, ParamError> {
        let values = self.values(name, &shape, init)?;
        Ok(Tensor::from_data(
            TensorData::new(values, shape),
            &self.device,
        ))
    }

    /// The values of parameter `name` at this place, row-major.
    pub(crate) fn values(
        &self,
        name: &str,
        shape: &[usize],
        init: Init,
    ) -> Result<Vec<f32>, ParamError> {
        let full = self.at(name).path;
        self.source.borrow_mut().load(&full, shape, init)
    }

    /// The weight `name` of `shape` at this place, packed with its bias.
    pub(crate) fn frozen(
        &self,
        name: &str,
        shape: &[usize],
        init: Init,
        (bias, format): (Option<Vec<f32>>, WeightFormat),
    ) -> Result<Arc<Frozen>, ParamError> {
        let sizes = [shape[0], shape[1], shape[2..].iter().product()];
        let full = self.at(name).path;
        if let Some(kept) = &self.kept
            && let Some(weight) = kept.borrow_mut().find(&full, sizes)
            && let Some(frozen) = Frozen::kept(&weight, sizes, bias.clone(), format)
        {
            return Ok(Arc::new(frozen));
        }
        let values = self.values(name, shape, init)?;
        let frozen = Arc::new(Frozen::new(&values, sizes, bias, format));
        if let Some(kept) = &self.kept {
            kept.borrow_mut().add(&full, &frozen);
        }
        Ok(frozen)
    }

    /// Where parameters live.
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }
}

impl From<atelier_core::Precision> for Engine {
    fn from(precision: atelier_core::Precision) -> Self {
        match precision {
            atelier_core::Precision::F32 => Self::Exact,
            atelier_core::Precision::Bf16 => Self::Mixed,
            atelier_core::Precision::Int8 => Self::Small,
        }
    }
}
