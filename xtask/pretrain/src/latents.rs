//! Between the stages: every training picture encoded once under several backgrounds and shifts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use atelier_corpus::{COLOURS, Corpus, Rng, Split};
use atelier_nn::gradients::values_of;
use atelier_weights::{DType, OutTensor, TensorFile, write_tensors};
use burn::tensor::Device;

use crate::log::log;
use crate::pictures::{batch, random_view};
use crate::recipe::{Recipe, SEED};
use crate::vae;
use crate::vocabulary::corpus_fingerprint;
use crate::{Pretraining, store};

/// Encoded pictures, picture by picture and variant by variant.
pub(crate) struct Latents {
    /// Unscaled means.
    pub(crate) values: Vec<f32>,
    /// Index into [`COLOURS`] for each encoded view.
    pub(crate) colours: Vec<usize>,
    /// Values per view.
    pub(crate) stride: usize,
    /// Factor that gives the latents unit variance.
    pub(crate) scaling_factor: f64,
}

/// Where the encoded pictures lie.
pub(crate) fn file(place: &Pretraining) -> PathBuf {
    place.cache.join("latents.safetensors")
}

/// Encodes the corpus and measures the spread of the latents. What an earlier call wrote is replaced.
pub(crate) fn encode(place: &Pretraining) -> anyhow::Result<()> {
    let device = place.chosen.device.clone();
    let corpus = place.drawn(Split::Train)?;
    let (vae, encoder) = vae::trained(place, &device)?;
    let mut rng = Rng::new(SEED + 1);
    let (mut values, mut colours) = (Vec::new(), Vec::new());
    for index in 0..corpus.entries.len() {
        let views: Vec<_> = (0..place.recipe.denoiser.views)
            .map(|_| random_view(&corpus, index, &mut rng))
            .collect();
        let (pictures, names): (Vec<_>, Vec<_>) = views.into_iter().unzip();
        colours.extend(
            names
                .iter()
                .filter_map(|name| COLOURS.iter().position(|(n, _)| n == name)),
        );
        values.extend(values_of(vae.encode(batch(&pictures, &device)).mean_bchw));
        if index % 200 == 0 {
            log(&format!("latents: {index} of {}", corpus.entries.len()));
        }
    }
    let count = values.len() as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let variance = values
        .iter()
        .map(|&v| (f64::from(v) - mean).powi(2))
        .sum::<f64>()
        / count;
    let scaling_factor = 1.0 / variance.sqrt();
    log(&format!(
        "latents: mean {mean:.4}, deviation {:.4}, scaling factor {scaling_factor:.5}",
        variance.sqrt()
    ));
    let latents = Latents {
        stride: values.len() / colours.len(),
        values,
        colours,
        scaling_factor,
    };
    latents.write(&file(place), &MadeWith::new(encoder, &corpus))
}

/// What [`encode`] wrote, whose pictures are read when they are wanted.
pub(crate) struct Encoded {
    file: TensorFile,
    /// Values of a picture.
    stride: usize,
    /// The number of the encoder, see [`vae::encoder_of`].
    pub(crate) encoder: String,
}

impl Encoded {
    /// Opens the file.
    ///
    /// # Errors
    /// When it is not there, was made by another encoder than the one of the cache, or from another corpus.
    pub(crate) fn open(place: &Pretraining, corpus: &Corpus) -> anyhow::Result<Self> {
        let file = TensorFile::open(file(place)).context("run the `latents` stage first")?;
        let (_, encoder) = vae::trained(place, &Device::flex())?;
        let made_with = MadeWith::new(encoder, corpus);
        made_with.check(&file)?;
        let stride = stride(&place.recipe);
        let found = file.info("latents").and_then(|info| info.shape.last());
        let found = found.copied().unwrap_or_default();
        ensure!(
            found == stride,
            "`{}` holds {found} values of a picture, and {} pixels have {stride}; run the `latents` stage again",
            file.path().display(),
            place.recipe.side
        );
        Ok(Self {
            file,
            stride,
            encoder: made_with.encoder,
        })
    }

    /// The pictures.
    pub(crate) fn read(&self) -> anyhow::Result<Latents> {
        Latents::read(&self.file, self.stride)
    }

    /// The factor that gives the latents unit variance.
    pub(crate) fn scaling_factor(&self) -> anyhow::Result<f64> {
        scaling_factor_of(&self.file)
    }
}

/// Values of an encoded picture.
fn stride(recipe: &Recipe) -> usize {
    recipe.vae.latent_channels * recipe.latent_side().pow(2)
}

/// What encoded pictures were made with, as numbers that change when it does.
struct MadeWith {
    encoder: String,
    corpus: String,
}

impl MadeWith {
    fn new(encoder: String, corpus: &Corpus) -> Self {
        let corpus = corpus_fingerprint(&corpus.entries);
        Self { encoder, corpus }
    }

    /// The names in a file's metadata, each with its number.
    fn named(&self) -> [(&'static str, &String); 2] {
        [("encoder", &self.encoder), ("corpus", &self.corpus)]
    }

    fn check(&self, file: &TensorFile) -> anyhow::Result<()> {
        let path = file.path().display();
        for (name, expected) in self.named() {
            match file.metadata().get(name) {
                Some(found) if found == expected => {}
                Some(_) => {
                    bail!("`{path}` was made with another {name}; run the `latents` stage again")
                }
                None => bail!(
                    "`{path}` does not say with which {name} it was made; run the `latents` stage again"
                ),
            }
        }
        Ok(())
    }
}

impl Latents {
    fn write(self, path: &Path, made_with: &MadeWith) -> anyhow::Result<()> {
        let views = self.colours.len();
        let tensors = [
            OutTensor {
                name: "latents".to_owned(),
                dtype: DType::F32,
                shape: vec![views, self.stride],
                data: self.values,
            },
            OutTensor {
                name: "colours".to_owned(),
                dtype: DType::I32,
                shape: vec![views],
                data: self.colours.iter().map(|&c| c as f32).collect(),
            },
        ];
        let factor = ("scaling_factor".to_owned(), self.scaling_factor.to_string());
        let mut metadata = BTreeMap::from([factor]);
        for (name, number) in made_with.named() {
            metadata.insert(name.to_owned(), number.clone());
        }
        write_tensors(path, &tensors, &metadata)?;
        Ok(())
    }

    /// Reads views of `stride` values each.
    fn read(file: &TensorFile, stride: usize) -> anyhow::Result<Self> {
        let sound = || -> anyhow::Result<_> {
            let colours = colours(file)?;
            let values = store::read(file, "latents", &[colours.len(), stride])?;
            Ok((colours, values))
        };
        let (colours, values) = sound().with_context(|| {
            let path = file.path().display();
            format!("cannot use `{path}`; run the `latents` stage again")
        })?;
        Ok(Self {
            values,
            colours,
            stride,
            scaling_factor: scaling_factor_of(file)?,
        })
    }
}

/// The colour of each view.
fn colours(file: &TensorFile) -> anyhow::Result<Vec<usize>> {
    let bytes = file.read_bytes("colours")?;
    let info = file.info("colours").context("`colours` are missing")?;
    ensure!(
        info.dtype == DType::I32 && info.shape.len() == 1,
        "`colours` are {} of shape {:?}, expected I32 of one axis",
        info.dtype,
        info.shape
    );
    let colour = |bytes: &[u8]| {
        let number = i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let known = usize::try_from(number).ok();
        let known = known.filter(|colour| *colour < COLOURS.len());
        known.with_context(|| {
            format!(
                "`colours` hold {number}, expected 0 to {}",
                COLOURS.len() - 1
            )
        })
    };
    bytes.chunks_exact(4).map(colour).collect()
}

fn scaling_factor_of(file: &TensorFile) -> anyhow::Result<f64> {
    let text = file.metadata().get("scaling_factor");
    let factor = text.and_then(|text| text.parse::<f64>().ok());
    let factor = factor.filter(|factor| factor.is_finite() && *factor > 0.0);
    factor.with_context(|| {
        let found = text.map_or_else(|| "missing".to_owned(), |text| format!("`{text}`"));
        format!(
            "`scaling_factor` of `{}` is {found}, expected a number above 0; run the `latents` stage again",
            file.path().display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_with(encoder: &str, corpus: &str) -> MadeWith {
        MadeWith {
            encoder: encoder.to_owned(),
            corpus: corpus.to_owned(),
        }
    }

    /// Two views of three values.
    fn latents() -> Latents {
        Latents {
            values: vec![0.5, -1.0, 2.0, 0.0, 1.5, -0.25],
            colours: vec![3, 11],
            stride: 3,
            scaling_factor: 0.75,
        }
    }

    #[test]
    fn latents_are_read_as_written_and_only_with_what_they_were_made_with() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("latents.safetensors");
        latents().write(&path, &made_with("e", "c")).unwrap();
        let file = TensorFile::open(&path).unwrap();
        let (read, written) = (Latents::read(&file, 3).unwrap(), latents());
        assert_eq!(
            (read.values, read.colours),
            (written.values, written.colours)
        );
        assert!((read.scaling_factor - 0.75).abs() < 1e-12);
        made_with("e", "c").check(&file).unwrap();
        for (other, name) in [
            (made_with("x", "c"), "encoder"),
            (made_with("e", "x"), "corpus"),
        ] {
            let refusal = other.check(&file).unwrap_err().to_string();
            assert!(
                refusal.contains(&format!("another {name}")) && refusal.contains("stage again"),
                "{refusal}"
            );
        }
        let metadata = BTreeMap::from([("encoder".to_owned(), "e".to_owned())]);
        write_tensors(&path, &[], &metadata).unwrap();
        let unnamed = made_with("e", "c").check(&TensorFile::open(&path).unwrap());
        let refusal = unnamed.unwrap_err().to_string();
        assert!(
            refusal.contains("does not say with which corpus"),
            "{refusal}"
        );
    }

    #[test]
    fn malformed_latents_are_refused_with_path_and_cure() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("latents.safetensors");
        let refusal = |latents: (&[usize], &[f32]), colours: (DType, &[f32]), factor: &str| {
            let tensors = [
                OutTensor {
                    name: "latents".to_owned(),
                    dtype: DType::F32,
                    shape: latents.0.to_vec(),
                    data: latents.1.to_vec(),
                },
                OutTensor {
                    name: "colours".to_owned(),
                    dtype: colours.0,
                    shape: vec![colours.1.len()],
                    data: colours.1.to_vec(),
                },
            ];
            let factor = ("scaling_factor".to_owned(), factor.to_owned());
            write_tensors(&path, &tensors, &BTreeMap::from([factor])).unwrap();
            let read = Latents::read(&TensorFile::open(&path).unwrap(), 3);
            let refusal = read.err().map(|error| format!("{error:#}"));
            let refusal = refusal.expect("nothing of this kind is taken");
            for part in ["latents.safetensors`", "stage again"] {
                assert!(refusal.contains(part), "{refusal}");
            }
            refusal
        };
        let (values, held) = ([1.0; 6], [0.0, 1.0]);
        let colours: (DType, &[f32]) = (DType::I32, &held);
        for shape in [&[6][..], &[3, 2], &[2, 3, 1]] {
            let refusal = refusal((shape, &values), colours, "1");
            assert!(refusal.contains("expected [2, 3]"), "{refusal}");
        }
        let odd = refusal(
            (&[2, 3], &[1.0, 1.0, 1.0, f32::NAN, 1.0, 1.0]),
            colours,
            "1",
        );
        assert!(odd.contains("NaN"), "{odd}");
        for colour in [12.0, -1.0] {
            let held = [0.0, colour];
            let refusal = refusal((&[2, 3], &values), (DType::I32, &held), "1");
            assert!(refusal.contains("expected 0 to 11"), "{refusal}");
        }
        let wide = refusal((&[2, 3], &values), (DType::I64, &[0.0, 1.0]), "1");
        assert!(wide.contains("I64"), "{wide}");
        for factor in ["much", "0", "NaN", "inf"] {
            let refusal = refusal((&[2, 3], &values), colours, factor);
            assert!(
                refusal.contains("`scaling_factor`") && refusal.contains(factor),
                "{refusal}"
            );
        }
    }
}
