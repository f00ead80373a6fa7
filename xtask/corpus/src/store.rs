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
    /// Package and version that names and keywords come from; empty in an index that does not say.
    #[serde(default)]
    words: String,
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

    /// Whether entries `a` and `b` have the same picture, byte for byte, as some sets draw several concepts alike.
    ///
    /// A held-out pair whose picture is trained on under another name is not unseen.
    pub fn same_picture(&self, a: usize, b: usize) -> bool {
        self.rgba(a) == self.rgba(b)
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

    /// Writes `<stem>.bin` and `<stem>.json`, whose entries have their words from the package `words`.
    ///
    /// Ended early, it leaves what was there before, or no index, so that the corpus counts as missing.
    pub(crate) fn save(&self, stem: &Path, words: &str) -> Result<()> {
        let packed: Vec<Vec<u8>> = (0..self.entries.len())
            .into_par_iter()
            .map(|index| pack(self.rgba(index), self.side))
            .collect::<Result<_>>()?;
        let index = Index {
            version: VERSION,
            side: self.side,
            words: words.to_owned(),
            lengths: packed.iter().map(Vec::len).collect(),
            entries: self.entries.clone(),
        };
        let (bin, json) = (bin_path(stem), json_path(stem));
        write_partial(&bin, &packed.concat())?;
        write_partial(&json, &serde_json::to_vec(&index)?)?;
        // pictures never lie beside the index of others
        if json.is_file() {
            fs_err::remove_file(&json)?;
        }
        fs_err::rename(partial_path(&bin), &bin)?;
        fs_err::rename(partial_path(&json), &json)?;
        Ok(())
    }

    /// Reads `<stem>.bin` and `<stem>.json`.
    ///
    /// Returns `None` when one of them is not there, or when `is_current` refuses the package of the words (empty when the
    /// index does not say) and the entries; the pictures are not read then.
    ///
    /// # Errors
    /// When the files cannot be read, are damaged or do not belong together; the error says what to remove.
    pub(crate) fn load(
        stem: &Path,
        is_current: impl FnOnce(&str, &[Entry]) -> bool,
    ) -> Result<Option<Self>> {
        let (bin, json) = (bin_path(stem), json_path(stem));
        if !bin.is_file() || !json.is_file() {
            return Ok(None);
        }
        Self::read(&bin, &json, is_current).with_context(|| {
            format!(
                "cannot open the corpus; remove `{}` and `{}`, and the next call makes them again",
                bin.display(),
                json.display()
            )
        })
    }

    fn read(
        bin: &Path,
        json: &Path,
        is_current: impl FnOnce(&str, &[Entry]) -> bool,
    ) -> Result<Option<Self>> {
        let index: Index = crate::concepts::read_json(json)?;
        ensure!(
            index.version == VERSION,
            "layout of `{}` is version {}, expected {VERSION}",
            json.display(),
            index.version
        );
        if !is_current(&index.words, &index.entries) {
            return Ok(None);
        }
        let packed = fs_err::read(bin)?;
        let total: usize = index.lengths.iter().sum();
        ensure!(
            packed.len() == total,
            "`{}` holds {} bytes, its index describes {total}",
            bin.display(),
            packed.len()
        );
        ensure!(
            index.lengths.len() == index.entries.len(),
            "`{}` has the lengths of {} pictures, expected {}, one for each entry",
            json.display(),
            index.lengths.len(),
            index.entries.len()
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
            .zip(&index.entries)
            .try_for_each(|((target, part), entry)| {
                unpack(part, index.side, target)
                    .with_context(|| format!("picture of entry `{}`", entry.id))
            })?;
        Self::new(index.side, index.entries, pixels).map(Some)
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

/// Decodes one picture of `side * side` pixels into `target`, as RGBA.
fn unpack(bytes: &[u8], side: usize, target: &mut [u8]) -> Result<()> {
    let picture = image::load_from_memory_with_format(bytes, image::ImageFormat::Png)?.to_rgba8();
    let (width, height) = picture.dimensions();
    ensure!(
        width == side as u32 && height == side as u32,
        "it has {width} x {height} pixels, expected {side} x {side}"
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

/// The temporary name of a file that is being written.
fn partial_path(path: &Path) -> PathBuf {
    path.with_added_extension("partial")
}

/// Writes under the temporary name of `path`, and syncs.
fn write_partial(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write as _;
    let mut file = fs_err::File::create(partial_path(path))?;
    file.write_all(bytes).context("cannot write the corpus")?;
    file.sync_all()?;
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

    const WORDS: &str = "words@1";

    fn edit_index(stem: &Path, edit: impl FnOnce(&mut serde_json::Value)) {
        let path = json_path(stem);
        let mut index: serde_json::Value = crate::concepts::read_json(&path).unwrap();
        edit(&mut index);
        fs_err::write(path, index.to_string()).unwrap();
    }

    /// Why the files are refused, with all causes.
    fn refusal(stem: &Path) -> String {
        format!("{:#}", Corpus::load(stem, |_, _| true).unwrap_err())
    }

    #[test]
    fn a_saved_corpus_reads_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("corpus-4");
        assert!(Corpus::load(&stem, |_, _| true).unwrap().is_none());
        corpus().save(&stem, WORDS).unwrap();
        let read = Corpus::load(&stem, |_, _| true).unwrap().unwrap();
        assert_eq!(read.entries, corpus().entries);
        assert_eq!(read.rgba(2), corpus().rgba(2));
        corpus().save(&stem, WORDS).unwrap();
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_is_not_current_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("c");
        corpus().save(&stem, WORDS).unwrap();
        fs_err::write(bin_path(&stem), "not pictures").unwrap();
        let mut seen = None;
        let found = Corpus::load(&stem, |words, entries| {
            seen = Some((words.to_owned(), entries.len()));
            false
        });
        assert!(found.unwrap().is_none());
        assert_eq!(seen, Some((WORDS.to_owned(), 3)));
    }

    #[test]
    fn an_index_without_the_package_of_the_words_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("c");
        corpus().save(&stem, WORDS).unwrap();
        edit_index(&stem, |index| {
            index.as_object_mut().unwrap().remove("words").unwrap();
        });
        assert!(
            Corpus::load(&stem, |words, _| words.is_empty())
                .unwrap()
                .is_some()
        );
    }

    #[test]
    fn a_truncated_corpus_is_refused_with_what_to_remove() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("c");
        corpus().save(&stem, WORDS).unwrap();
        let bin = bin_path(&stem);
        let bytes = fs_err::read(&bin).unwrap();
        fs_err::write(&bin, &bytes[..bytes.len() - 1]).unwrap();
        let error = refusal(&stem);
        assert!(error.contains("its index describes"), "{error}");
        for path in [bin, json_path(&stem)] {
            assert!(error.contains(&format!("`{}`", path.display())), "{error}");
        }
    }

    #[test]
    fn a_picture_of_another_size_is_refused_with_its_entry() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("c");
        corpus().save(&stem, WORDS).unwrap();
        edit_index(&stem, |index| index["side"] = serde_json::json!(2));
        let error = refusal(&stem);
        assert!(error.contains("picture of entry `noto/"), "{error}");
        assert!(
            error.contains("has 4 x 4 pixels, expected 2 x 2"),
            "{error}"
        );
    }

    #[test]
    fn the_old_index_is_gone_before_the_new_pictures_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("c");
        corpus().save(&stem, WORDS).unwrap();
        // a folder in the place of the pictures ends the saving at the first renaming
        fs_err::remove_file(bin_path(&stem)).unwrap();
        fs_err::create_dir(bin_path(&stem)).unwrap();
        assert!(corpus().save(&stem, WORDS).is_err());
        assert!(!json_path(&stem).exists());
        fs_err::remove_dir(bin_path(&stem)).unwrap();
        corpus().save(&stem, WORDS).unwrap();
        assert!(Corpus::load(&stem, |_, _| true).unwrap().is_some());
    }

    #[test]
    fn pictures_are_the_same_only_in_every_byte() {
        let mut pixels = vec![7; 3 * 16];
        pixels[47] = 8;
        let entries = ["cat", "kitten", "owl"].map(entry).to_vec();
        let corpus = Corpus::new(2, entries, pixels).unwrap();
        assert!(corpus.same_picture(0, 1) && corpus.same_picture(2, 2));
        assert!(!corpus.same_picture(1, 2));
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
