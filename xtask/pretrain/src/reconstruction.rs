//! How well the autoencoder gives pictures back that it never saw, for every source, and whether plain colour stays plain.

use std::collections::BTreeMap;
use std::path::Path;

use atelier_corpus::{COLOURS, Rng, Split};
use atelier_data::RgbPicture;
use atelier_diffusion::stable_diffusion::{Base, Vae};
use atelier_eval::{psnr, ssim};
use atelier_nn::Engine;
use atelier_nn::gradients::values_of;
use burn::tensor::Device;

use crate::Pretraining;
use crate::pictures::{batch, random_view};
use crate::recipe::{SEED, SIDE};
use crate::vae::log;

/// Pictures that pass the autoencoder together.
const BATCH: usize = 8;

/// Prints a table: PSNR in dB, of the mean squared error of all pictures of a row, and SSIM of the pairs held out of training
/// by their source; and the same of plain colours.
pub(crate) fn measure(place: &Pretraining, base: &Path) -> anyhow::Result<()> {
    place.check_unseen(base)?;
    let vae = Base::open(base)?.load_vae(&Device::flex(), Engine::Exact)?;
    let mut corpus = place.corpus()?;
    corpus.retain(|entry| entry.split == Split::HeldOutPair);
    let mut rng = Rng::new(SEED + 7);
    let mut by_source: BTreeMap<&str, Vec<Vec<u8>>> = BTreeMap::new();
    for (index, entry) in corpus.entries.iter().enumerate() {
        let (rgb, _) = random_view(&corpus, index, &mut rng);
        by_source.entry(&entry.source).or_default().push(rgb);
    }
    log("| pictures | how many | PSNR | SSIM | largest error |");
    log("|---|---|---|---|---|");
    let plain = COLOURS
        .iter()
        .map(|(_, colour)| colour.repeat(SIDE * SIDE))
        .collect();
    let rows = by_source.into_iter().chain([("plain colours", plain)]);
    for (source, pictures) in rows {
        log(&row(&vae, source, &pictures)?);
    }
    Ok(())
}

fn row(vae: &Vae, name: &str, pictures: &[Vec<u8>]) -> anyhow::Result<String> {
    let (mut squares, mut structure, mut largest) = (0.0, 0.0, 0);
    for pictures in pictures.chunks(BATCH) {
        for (rgb, decoded) in pictures.iter().zip(given_back(vae, pictures)) {
            let picture = picture(rgb.clone());
            let errors = picture.rgb.iter().zip(&decoded.rgb);
            largest = errors.map(|(a, b)| a.abs_diff(*b)).fold(largest, u8::max);
            squares += 10_f64.powf(-psnr(&picture, &decoded)? / 10.0);
            structure += ssim(&picture, &decoded)?;
        }
    }
    let count = pictures.len();
    Ok(format!(
        "| {name} | {count} | {:.2} dB | {:.4} | {largest} of 255 |",
        -10.0 * (squares / count as f64).log10(),
        structure / count as f64
    ))
}

fn picture(rgb: Vec<u8>) -> RgbPicture {
    RgbPicture {
        width: SIDE,
        height: SIDE,
        rgb,
    }
}

/// What the autoencoder makes of pictures, through the mean of each one's code.
pub(crate) fn given_back(vae: &Vae, pictures: &[Vec<u8>]) -> Vec<RgbPicture> {
    let code = vae.encode(batch(pictures, SIDE, &Device::flex())).mean_bchw;
    let area = SIDE * SIDE;
    let byte = |value: f32| ((value + 1.0) * 127.5).round().clamp(0.0, 255.0) as u8;
    let decoded = values_of(vae.decode(code));
    let planes = decoded.chunks_exact(3 * area).map(|planes| {
        let pixels = (0..area).flat_map(|i| [0, 1, 2].map(|c| byte(planes[c * area + i])));
        picture(pixels.collect())
    });
    planes.collect()
}
