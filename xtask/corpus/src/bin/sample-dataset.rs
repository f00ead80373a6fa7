//! Writes a sample LoRA dataset: `train/` and `held-out/` with one picture and one caption per sample.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use atelier_corpus::{Sample, SampleKind, samples};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (kind, out, cache) = match arguments.as_slice() {
        [kind, out] => (kind, out, "pretrain-cache"),
        [kind, out, cache] => (kind, out, cache.as_str()),
        _ => bail!("usage: sample-dataset character|style|object OUT [CACHE]"),
    };
    let kind: SampleKind = kind.parse()?;
    for sample in samples(kind, Path::new(cache))? {
        write(Path::new(out), sample)?;
    }
    Ok(())
}

fn write(out: &Path, sample: Sample) -> Result<()> {
    let folder = out.join(sample.folder);
    fs_err::create_dir_all(&folder)?;
    let file = |extension: &str| -> PathBuf { folder.join(&sample.name).with_extension(extension) };
    let side = sample.side as u32;
    let image = image::RgbImage::from_raw(side, side, sample.rgb).context("wrong picture size")?;
    let picture = file("png");
    image
        .save(&picture)
        .with_context(|| format!("cannot write picture `{}`", picture.display()))?;
    fs_err::write(file("txt"), format!("{}\n", sample.caption))?;
    Ok(())
}
