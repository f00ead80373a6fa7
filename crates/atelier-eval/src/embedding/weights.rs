//! The network's weights, which are part of the program.

use atelier_nn::params::{Init, ParamError, ParamSource};
use atelier_weights::TensorBytes;

/// Made by `golden/efficientnet_lite0.py`: kernels in f16, biases in f32.
static FILE: &[u8] = include_bytes!("../../../../assets/efficientnet-lite0/model.safetensors");

/// The tensors of the file.
pub(super) struct EmbeddedWeights(TensorBytes<'static>);

impl EmbeddedWeights {
    pub(super) fn open() -> Result<Self, ParamError> {
        let tensors = TensorBytes::new("efficientnet-lite0", FILE);
        let tensors = tensors.map_err(|error| ParamError::Source(error.into()))?;
        Ok(Self(tensors))
    }
}

impl ParamSource for EmbeddedWeights {
    fn load(&mut self, name: &str, shape: &[usize], _init: Init) -> Result<Vec<f32>, ParamError> {
        let (name, shape) = (name.to_owned(), shape.to_vec());
        let Some(info) = self.0.info(&name) else {
            return Err(ParamError::Missing { name, shape });
        };
        if info.shape != shape {
            let (got, expected) = (info.shape.clone(), shape);
            return Err(ParamError::Shape {
                name,
                got,
                expected,
            });
        }
        let numbers = self.0.read_f32(&name);
        numbers.map_err(|error| ParamError::Source(error.into()))
    }
}
