//! The corpus on disk: one file of packed pictures and one JSON index, each under its final name only when complete.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use image::ImageEncoder as _;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::entry::Entry;

/// Layout version of the two files.
const VERSION: u32 = 1;

/// Captioned pictures of one size, in memory.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// Width and height of every picture, in pixels.
    pub side: usize,
    /// What the pictures show, in picture order.
    pub entries: Vec<Entry>,
    pixels: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Index {
    version: u32,
    side: usize,
    /// Length of each packed picture (PNG) in the other file, in bytes.
    lengths: Vec<usize>,
    entries: Vec<Entry>,
}

impl Corpus {
    /// Joins entries and their pixels (RGBA, straight alpha, entry after entry).
    pub fn new(side: usize, entries: Vec<Entry>, pixels: Vec<u8>) -> Result<Self> {
        let expected = entries.len() * side * side * 4;
        ensure!(
            pixels.len() == expected,
            "corpus pixels are {} bytes, expected {expected}",
            pixels.len()
        );
        Ok(Self {
            side,
            entries,
            pixels,
        })
    }

    /// The picture of entry `index`: `side * side * 4` bytes, RGBA with straight alpha.
    pub fn rgba(&self, index: usize) -> &[u8] {
        let size = self.side * self.side * 4;
        &self.pixels[index * size..(index + 1) * size]
    }

    /// Puts the entries of `other` behind these.
    pub fn append(&mut self, other: Self) -> Result<()> {
        ensure!(
            self.side == other.side,
            "corpora of {} and {} pixels do not join",
            self.side,
            other.side
        );
        self.entries.extend(other.entries);
        self.pixels.extend(other.pixels);
        Ok(())
    }

    /// Drops the entries that `keep` refuses, with their pixels.
    pub fn retain(&mut self, mut keep: impl FnMut(&Entry) -> bool) {
        let size = self.side * self.side * 4;
        let mut kept = 0;
        for index in 0..self.entries.len() {
            if keep(&self.entries[index]) {
                self.pixels
                    .copy_within(index * size..(index + 1) * size, kept * size);
                self.entries.swap(index, kept);
                kept += 1;
            }
        }
        self.entries.truncate(kept);
        self.pixels.truncate(kept * size);
        self.pixels.shrink_to_fit();
    }

    /// Writes `<stem>.bin` and `<stem>.json`.
    pub fn save(&self, stem: &Path) -> Result<()> {
        let packed: Vec<Vec<u8>> = (0..self.entries.len())
            .into_par_iter()
            .map(|index| pack(self.rgba(index), self.side))
            .collect::<Result<_>>()?;
        let index = Index {
            version: VERSION,
            side: self.side,
            lengths: packed.iter().map(Vec::len).collect(),
            entries: self.entries.clone(),
        };
        write_complete(&bin_path(stem), &packed.concat())?;
        write_complete(&json_path(stem), &serde_json::to_vec(&index)?)
    }

    /// Whether both files are there.
    pub fn exists(stem: &Path) -> bool {
        bin_path(stem).is_file() && json_path(stem).is_file()
    }

    /// Reads `<stem>.bin` and `<stem>.json`.
    pub fn load(stem: &Path) -> Result<Self> {
        let index: Index = crate::concepts::read_json(&json_path(stem))?;
        ensure!(
            index.version == VERSION,
            "corpus layout is version {}, expected {VERSION}",
            index.version
        );
        let packed = fs_err::read(bin_path(stem))?;
        let total: usize = index.lengths.iter().sum();
        ensure!(
            packed.len() == total && index.lengths.len() == index.entries.len(),
            "corpus `{}` holds {} bytes, its index describes {total}",
            stem.display(),
            packed.len()
        );
        let mut rest = packed.as_slice();
        let mut parts = Vec::with_capacity(index.lengths.len());
        for &length in &index.lengths {
            let (part, tail) = rest.split_at(length);
            parts.push(part);
            rest = tail;
        }
        let mut pixels = vec![0; parts.len() * index.side * index.side * 4];
        pixels
            .par_chunks_mut((index.side * index.side * 4).max(1))
            .zip(parts)
            .try_for_each(|(target, part)| unpack(part, target))?;
        Self::new(index.side, index.entries, pixels)
    }
}

fn pack(rgba: &[u8], side: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, FilterType::Adaptive)
        .write_image(
            rgba,
            side as u32,
            side as u32,
            image::ExtendedColorType::Rgba8,
        )?;
    Ok(bytes)
}

fn unpack(bytes: &[u8], target: &mut [u8]) -> Result<()> {
    let picture = image::load_from_memory_with_format(bytes, image::ImageFormat::Png)?.to_rgba8();
    ensure!(
        picture.len() == target.len(),
        "packed picture is {:?}",
        picture.dimensions()
    );
    target.copy_from_slice(&picture);
    Ok(())
}

fn bin_path(stem: &Path) -> PathBuf {
    stem.with_added_extension("bin")
}

fn json_path(stem: &Path) -> PathBuf {
    stem.with_added_extension("json")
}

/// Writes under a temporary name, syncs, renames.
fn write_complete(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write as _;
    let temporary = path.with_added_extension("partial");
    let mut file = fs_err::File::create(&temporary)?;
    file.write_all(bytes).context("cannot write the corpus")?;
    file.sync_all()?;
    fs_err::rename(&temporary, path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caption::tests::entry;

    fn corpus() -> Corpus {
        let pixels: Vec<u8> = (0..3 * 4 * 4 * 4_u16)
            .map(|i| (i * 7 % 251) as u8)
            .collect();
        Corpus::new(4, ["cat", "dog", "owl"].map(entry).to_vec(), pixels).unwrap()
    }

    #[test]
    fn a_saved_corpus_reads_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("corpus-4");
        assert!(!Corpus::exists(&stem));
        corpus().save(&stem).unwrap();
        let read = Corpus::load(&stem).unwrap();
        assert_eq!(read.entries, corpus().entries);
        assert_eq!(read.rgba(2), corpus().rgba(2));
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_truncated_corpus_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("c");
        corpus().save(&stem).unwrap();
        let bin = bin_path(&stem);
        let bytes = fs_err::read(&bin).unwrap();
        fs_err::write(&bin, &bytes[..bytes.len() - 1]).unwrap();
        assert!(
            Corpus::load(&stem)
                .unwrap_err()
                .to_string()
                .contains("its index describes")
        );
    }

    #[test]
    fn append_keeps_the_order_and_refuses_another_size() {
        let mut joined = corpus();
        joined.append(corpus()).unwrap();
        assert_eq!(joined.entries[..3], joined.entries[3..]);
        assert_eq!(joined.rgba(4), corpus().rgba(1));
        let other = Corpus::new(2, Vec::new(), Vec::new()).unwrap();
        assert!(joined.append(other).is_err());
    }

    #[test]
    fn retain_keeps_pictures_with_their_entries() {
        let mut kept = corpus();
        kept.retain(|e| e.concept != "cat");
        assert_eq!(kept.entries, corpus().entries[1..]);
        assert_eq!(
            (kept.rgba(0), kept.rgba(1)),
            (corpus().rgba(1), corpus().rgba(2))
        );
    }
}
