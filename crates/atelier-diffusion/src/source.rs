//! Parameters out of a safetensors file, with the names that a family gives to old spellings.

use std::collections::BTreeSet;

use atelier_nn::{Init, ParamError, ParamSource};
use atelier_weights::TensorFile;

/// Turns the name that a layer asks for into other names under which the tensor may stand in a file.
pub type Aliases = fn(&str) -> Vec<String>;

/// Reads parameters from one file and remembers which tensors were used.
pub struct FileSource {
    file: TensorFile,
    aliases: Aliases,
    used: BTreeSet<String>,
}

impl FileSource {
    /// A source on `file`.
    pub fn new(file: TensorFile, aliases: Aliases) -> Self {
        Self {
            file,
            aliases,
            used: BTreeSet::new(),
        }
    }

    /// Tensors of the file that no layer asked for.
    pub fn unused(&self) -> Vec<String> {
        self.file
            .names()
            .filter(|name| !self.used.contains(*name))
            .map(str::to_owned)
            .collect()
    }
}

impl ParamSource for FileSource {
    fn load(&mut self, name: &str, shape: &[usize], _init: Init) -> Result<Vec<f32>, ParamError> {
        let names = std::iter::once(name.to_owned()).chain((self.aliases)(name));
        let Some((found, info)) = names
            .into_iter()
            .find_map(|n| self.file.info(&n).cloned().map(|info| (n, info)))
        else {
            return Err(ParamError::Missing {
                name: name.to_owned(),
                shape: shape.to_vec(),
            });
        };
        let same_size = info.shape.iter().product::<usize>() == shape.iter().product::<usize>();
        let trimmed = |shape: &[usize]| {
            shape
                .iter()
                .copied()
                .filter(|&n| n != 1)
                .collect::<Vec<_>>()
        };
        if !same_size || trimmed(&info.shape) != trimmed(shape) {
            return Err(ParamError::Shape {
                name: found,
                got: info.shape,
                expected: shape.to_vec(),
            });
        }
        let values = self
            .file
            .read_f32(&found)
            .map_err(|error| ParamError::Source(error.into()))?;
        self.used.insert(found);
        Ok(values)
    }
}
