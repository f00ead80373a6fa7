//! Between the stages: every training picture encoded once under several backgrounds and shifts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use atelier_corpus::{COLOURS, Rng, Split};
use atelier_nn::gradients::values_of;
use atelier_weights::{DType, OutTensor, TensorFile, write_tensors};
use burn::tensor::Device;

use crate::Pretraining;
use crate::pictures::{batch, random_view};
use crate::recipe::{SEED, SIDE};
use crate::vae::{self, log};

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

/// Encodes the corpus and measures the spread of the latents.
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
        values.extend(values_of(
            vae.encode(batch(&pictures, SIDE, &device)).mean_bchw,
        ));
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
    let views = colours.len();
    let tensors = [
        OutTensor {
            name: "latents".to_owned(),
            dtype: DType::F32,
            shape: vec![views, values.len() / views],
            data: values,
        },
        OutTensor {
            name: "colours".to_owned(),
            dtype: DType::I32,
            shape: vec![views],
            data: colours.iter().map(|&c| c as f32).collect(),
        },
    ];
    let metadata = BTreeMap::from([
        ("scaling_factor".to_owned(), scaling_factor.to_string()),
        ("encoder".to_owned(), encoder),
    ]);
    write_tensors(file(place), &tensors, &metadata)?;
    Ok(())
}

/// Reads what [`encode`] wrote.
pub(crate) fn load(place: &Pretraining) -> anyhow::Result<Latents> {
    let path = file(place);
    let file = TensorFile::open(&path).context("run the `latents` stage first")?;
    let (_, encoder) = vae::trained(place, &Device::flex())?;
    ensure!(
        file.metadata().get("encoder") == Some(&encoder),
        "`{}` was made with another encoder; remove it and run the `latents` stage again",
        path.display()
    );
    let scaling_factor = file
        .metadata()
        .get("scaling_factor")
        .context("`scaling_factor` is missing")?
        .parse()?;
    let stride = file.info("latents").context("`latents` are missing")?.shape[1];
    let colours = file.read_bytes("colours")?;
    let colours = colours
        .chunks_exact(4)
        .map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize)
        .collect();
    Ok(Latents {
        values: file.read_f32("latents")?,
        colours,
        stride,
        scaling_factor,
    })
}
