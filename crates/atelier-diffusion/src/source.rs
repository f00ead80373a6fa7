//! Parameters out of the tensors of a base's part, with the names that a family gives to other spellings.

use atelier_nn::{Init, ParamError, ParamSource};
use atelier_weights::PartTensors;

/// Turns the name that a layer asks for into other names under which the tensor may be known.
pub type Aliases = fn(&str) -> Vec<String>;

/// Reads parameters tensor by tensor, so that loading needs little more memory than what is loaded.
pub struct PartSource {
    tensors: PartTensors,
    aliases: Aliases,
}

impl PartSource {
    /// A source on `tensors`.
    pub fn new(tensors: PartTensors, aliases: Aliases) -> Self {
        Self { tensors, aliases }
    }
}

impl ParamSource for PartSource {
    fn load(&mut self, name: &str, shape: &[usize], _init: Init) -> Result<Vec<f32>, ParamError> {
        let names = std::iter::once(name.to_owned()).chain((self.aliases)(name));
        let found = names
            .into_iter()
            .find_map(|name| Some((self.tensors.info(&name)?.shape.clone(), name)));
        let Some((got, found)) = found else {
            return Err(ParamError::Missing {
                name: name.to_owned(),
                shape: shape.to_vec(),
            });
        };
        let without_ones = |shape: &[usize]| -> Vec<usize> {
            shape.iter().copied().filter(|&side| side != 1).collect()
        };
        if without_ones(&got) != without_ones(shape) {
            return Err(ParamError::Shape {
                name: found,
                got,
                expected: shape.to_vec(),
            });
        }
        self.tensors
            .read_f32(&found)
            .map_err(|error| ParamError::Source(error.into()))
    }
}
