//! Writes the sample LoRA dataset: `train/` and `held-out/` with one picture and one caption per expression.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use atelier_corpus::{BlobPicture, COLOURS, TRAINING_EXPRESSIONS, blob_faces, compose};

/// Size of the training pictures, in pixels.
const TRAIN_SIDE: usize = 256;
/// Size of the pictures kept for evaluation, in pixels.
const HELD_OUT_SIDE: usize = 128;
/// Backgrounds that stand far enough from the yellow and orange of the character.
const BACKGROUNDS: [&str; 6] = ["white", "blue", "grey", "green", "pink", "purple"];

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let out = PathBuf::from(
        arguments
            .next()
            .context("usage: sample-dataset OUT [CACHE]")?,
    );
    let cache = arguments
        .next()
        .map_or_else(|| PathBuf::from("pretrain-cache"), PathBuf::from);
    let train: Vec<BlobPicture> = blob_faces(&cache, TRAIN_SIDE)?
        .into_iter()
        .filter(trained)
        .collect();
    ensure!(
        train.len() == TRAINING_EXPRESSIONS.len(),
        "found {} training pictures",
        train.len()
    );
    for (index, picture) in train.iter().enumerate() {
        // every other picture is on white, the rest goes round the colours
        let background = if index % 2 == 0 {
            0
        } else {
            1 + index / 2 % (BACKGROUNDS.len() - 1)
        };
        write(
            &out.join("train"),
            picture,
            TRAIN_SIDE,
            BACKGROUNDS[background],
        )?;
    }
    for picture in blob_faces(&cache, HELD_OUT_SIDE)?
        .iter()
        .filter(|picture| !trained(picture))
    {
        write(&out.join("held-out"), picture, HELD_OUT_SIDE, "white")?;
    }
    Ok(())
}

fn trained(picture: &BlobPicture) -> bool {
    TRAINING_EXPRESSIONS.contains(&picture.name.as_str())
}

fn write(folder: &Path, picture: &BlobPicture, side: usize, background: &str) -> Result<()> {
    fs_err::create_dir_all(folder)?;
    let (_, colour) = COLOURS
        .iter()
        .find(|(name, _)| *name == background)
        .context("no such background colour")?;
    let rgb = compose(&picture.rgba, side, *colour, None);
    let image =
        image::RgbImage::from_raw(side as u32, side as u32, rgb).context("wrong picture size")?;
    image.save(folder.join(&picture.name).with_extension("png"))?;
    let caption = format!("{}, on a {background} background\n", picture.caption);
    fs_err::write(folder.join(&picture.name).with_extension("txt"), caption)?;
    Ok(())
}
