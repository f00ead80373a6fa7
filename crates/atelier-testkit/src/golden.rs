//! Reads the files of `golden/`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[cfg(feature = "tensors")]
use burn::tensor::{Device, Tensor, TensorData};
use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

/// Why a golden file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file is missing or unreadable.
    #[error("cannot read a golden file; `golden/README.md` says how to make it")]
    Read(#[from] std::io::Error),
    /// The file is not safetensors, or lacks the tensor.
    #[error("golden `{name}` has no usable `{entry}`")]
    Entry {
        name: String,
        entry: String,
        #[source]
        source: safetensors::SafeTensorError,
    },
    /// The tensor has a type that no golden file is meant to hold.
    #[error("golden `{name}`: `{entry}` is `{found:?}`")]
    Type {
        name: String,
        entry: String,
        found: Dtype,
    },
    /// The metadata has no JSON under `config`.
    #[error("golden `{name}` has no JSON `config` in its metadata")]
    Config {
        name: String,
        #[source]
        source: Option<serde_json::Error>,
    },
}

/// One file of reference tensors, held as its bytes.
#[derive(Debug)]
pub struct Golden {
    name: String,
    bytes: Vec<u8>,
}

/// The checkout whose tests are run: cargo may have kept what it compiled for another one.
pub fn checkout() -> PathBuf {
    let compiled = Path::new(env!("CARGO_MANIFEST_DIR"));
    let run = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let mut folders = run.as_deref().unwrap_or(compiled).ancestors();
    let found = folders.find(|folder| folder.join("golden/README.md").is_file());
    found.map_or_else(|| compiled.join("../.."), Path::to_owned)
}

/// The folder of the reference files.
pub fn golden_folder() -> PathBuf {
    checkout().join("golden")
}

/// The pipeline folder of the tiny random `sdxl` model.
pub fn tiny_sdxl() -> PathBuf {
    golden_folder().join("tiny-sdxl")
}

/// The pipeline folder of the tiny random `sd15` model.
pub fn tiny_sd15() -> PathBuf {
    golden_folder().join("tiny-sd15")
}

/// Opens `golden/<name>.safetensors`.
///
/// # Panics
/// When the file is missing or no safetensors file.
#[track_caller]
pub fn golden(name: &str) -> Golden {
    or_panic(Golden::open(
        &golden_folder().join(format!("{name}.safetensors")),
    ))
}

impl Golden {
    pub(crate) fn open(file: &Path) -> Result<Self, Error> {
        let name = file.file_stem().unwrap_or_default();
        let golden = Self {
            name: name.to_string_lossy().into_owned(),
            bytes: fs_err::read(file)?,
        };
        golden.parsed("header")?;
        Ok(golden)
    }

    /// The tensor `name` as f32 on `device`.
    ///
    /// # Panics
    /// When the file lacks it or it has another number of axes.
    #[cfg(feature = "tensors")]
    #[track_caller]
    pub fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        Tensor::from_data(TensorData::new(self.vec(name), self.shape(name)), device)
    }

    /// The values of the tensor `name` as f32, in row-major order.
    ///
    /// # Panics
    /// When the file lacks it.
    #[track_caller]
    pub fn vec(&self, name: &str) -> Vec<f32> {
        or_panic(self.view(name).and_then(|view| self.floats(name, &view)))
    }

    /// The values of the whole-number tensor `name`.
    ///
    /// # Panics
    /// When the file lacks it or it holds floats.
    #[track_caller]
    pub fn ints(&self, name: &str) -> Vec<i64> {
        or_panic(self.view(name).and_then(|view| self.whole(name, &view)))
    }

    /// Width, height and bytes of the picture `name`, `[height, width, 3]`.
    ///
    /// # Panics
    /// When the file lacks it or it is no picture.
    #[track_caller]
    pub fn rgb(&self, name: &str) -> (usize, usize, Vec<u8>) {
        let [height, width, 3] = self.shape(name)[..] else {
            panic!("`{name}` is no picture")
        };
        let byte = |value| u8::try_from(value).expect("a picture holds bytes");
        let bytes = self.ints(name).into_iter().map(byte).collect();
        (width, height, bytes)
    }

    /// The values of the tensor `name` without rounding those that the file holds in double precision.
    ///
    /// # Panics
    /// When the file lacks it.
    #[track_caller]
    pub fn doubles(&self, name: &str) -> Vec<f64> {
        let view = or_panic(self.view(name));
        match view.dtype() {
            Dtype::F64 => each(view.data(), f64::from_le_bytes),
            _ => self.vec(name).into_iter().map(f64::from).collect(),
        }
    }

    /// The shape of the tensor `name`; empty for a scalar.
    ///
    /// # Panics
    /// When the file lacks it.
    #[track_caller]
    pub fn shape(&self, name: &str) -> Vec<usize> {
        or_panic(self.view(name)).shape().to_vec()
    }

    /// The single value of the tensor `name`.
    ///
    /// # Panics
    /// When the file lacks it or it holds more than one value.
    #[track_caller]
    pub fn scalar(&self, name: &str) -> f32 {
        let values = self.vec(name);
        assert_eq!(values.len(), 1, "`{name}` of `{}` is no scalar", self.name);
        values[0]
    }

    /// The names of all tensors, sorted.
    ///
    /// # Panics
    /// Never for a file that opened.
    pub fn names(&self) -> Vec<String> {
        let parsed = or_panic(self.parsed("header"));
        let mut names: Vec<String> = parsed.names().into_iter().map(Into::into).collect();
        names.sort();
        names
    }

    /// The JSON that the script wrote into the metadata under `config`.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn config(&self) -> serde_json::Value {
        or_panic(self.read_config())
    }

    /// Shape and values of every tensor whose name starts with `prefix`, under the name without it.
    ///
    /// # Panics
    /// When no tensor has this prefix.
    #[track_caller]
    pub fn weights(&self, prefix: &str) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
        let found: BTreeMap<_, _> = self
            .names()
            .iter()
            .filter_map(|name| Some((name, name.strip_prefix(prefix)?)))
            .map(|(name, rest)| (rest.to_owned(), (self.shape(name), self.vec(name))))
            .collect();
        assert!(
            !found.is_empty(),
            "golden `{}` has no `{prefix}…`",
            self.name
        );
        found
    }

    fn parsed(&self, entry: &str) -> Result<SafeTensors<'_>, Error> {
        SafeTensors::deserialize(&self.bytes).map_err(|source| self.entry_error(entry, source))
    }

    fn view(&self, entry: &str) -> Result<TensorView<'_>, Error> {
        self.parsed(entry)?
            .tensor(entry)
            .map_err(|source| self.entry_error(entry, source))
    }

    fn entry_error(&self, entry: &str, source: safetensors::SafeTensorError) -> Error {
        Error::Entry {
            name: self.name.clone(),
            entry: entry.to_owned(),
            source,
        }
    }

    fn type_error(&self, entry: &str, found: Dtype) -> Error {
        Error::Type {
            name: self.name.clone(),
            entry: entry.to_owned(),
            found,
        }
    }

    fn read_config(&self) -> Result<serde_json::Value, Error> {
        let (_, metadata) = SafeTensors::read_metadata(&self.bytes)
            .map_err(|source| self.entry_error("header", source))?;
        let failed = |source| Error::Config {
            name: self.name.clone(),
            source,
        };
        let text = metadata.metadata().as_ref().and_then(|m| m.get("config"));
        serde_json::from_str(text.ok_or_else(|| failed(None))?).map_err(|e| failed(Some(e)))
    }

    fn floats(&self, entry: &str, view: &TensorView<'_>) -> Result<Vec<f32>, Error> {
        let data = view.data();
        Ok(match view.dtype() {
            Dtype::F32 => each(data, f32::from_le_bytes),
            Dtype::F16 => each(data, |b| f16::from_le_bytes(b).to_f32()),
            Dtype::BF16 => each(data, |b| bf16::from_le_bytes(b).to_f32()),
            Dtype::F64 => each(data, |b| f64::from_le_bytes(b) as f32),
            _ => {
                let whole = self.whole(entry, view)?;
                whole.into_iter().map(|value| value as f32).collect()
            }
        })
    }

    fn whole(&self, entry: &str, view: &TensorView<'_>) -> Result<Vec<i64>, Error> {
        let data = view.data();
        match view.dtype() {
            Dtype::U8 => Ok(each(data, |[b]| i64::from(b))),
            Dtype::I32 => Ok(each(data, |b| i64::from(i32::from_le_bytes(b)))),
            Dtype::I64 => Ok(each(data, i64::from_le_bytes)),
            found => Err(self.type_error(entry, found)),
        }
    }
}

/// Reads `data` in steps of `N` bytes.
fn each<const N: usize, T>(data: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    data.as_chunks::<N>().0.iter().map(|&b| read(b)).collect()
}

#[track_caller]
fn or_panic<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| {
        let mut message = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        panic!("{message}")
    })
}
