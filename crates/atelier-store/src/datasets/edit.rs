//! Changes to a dataset: several together make one version.

use atelier_core::Crop;
use atelier_data::caption::one_line;
use atelier_data::{Limits, decode_bytes};
use rusqlite::Transaction;
use serde::Serialize;

use super::caption::beginning;
use super::caption_edit::CaptionEdit;
use super::editor::Editor;
use super::get_to_change;
use super::version::{Image, Version, insert, version};
use crate::about::About;
use crate::blobs::{Blobs, Hold};
use crate::error::{Error, Result};
use crate::library::{DatasetId, ImageId, Library};

/// Longest description of a change.
const MAX_CHANGE_CHARS: usize = 200;
/// Most changes of images that become a version together, those of all images counted for each.
pub const MAX_CHANGES: usize = 50_000;
/// Most bytes of all captions of a version: 3,200 for each of as many images as there may be.
const MAX_CAPTIONS_BYTES: usize = 32_000_000;
/// Most images of a dataset.
pub(super) const MAX_IMAGES: usize = 10_000;

/// A picture file that the library has, and that may become an image of a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewImage {
    /// SHA-256 of its file.
    pub(crate) blob: String,
    pub(crate) size_bytes: u64,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Adds an image at the end.
    Add {
        /// The picture.
        image: NewImage,
        /// The name that its file gets in folders; changed a little where another image has it.
        file_name: String,
        /// Its words.
        caption: String,
        /// The square to train on; the middle one when absent.
        crop: Option<Crop>,
    },
    /// Takes an image out. Its file stays as long as a version has it.
    Remove(ImageId),
    /// Gives an image other words.
    SetCaption(ImageId, String),
    /// Makes other words of those that an image has.
    EditCaption(ImageId, CaptionEdit),
    /// The same for several images: these, or all that there are then.
    EditCaptions(Option<Vec<ImageId>>, CaptionEdit),
    /// Gives an image another square, or with `None` the middle one.
    SetCrop(ImageId, Option<Crop>),
}

/// Changes that become a version together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits {
    /// The changes, in their order.
    pub edits: Vec<Edit>,
    /// The version that they were made to; any when absent.
    pub expected: Option<u32>,
    /// What was done, for the list of versions; counted from the changes when absent.
    pub change: Option<String>,
}

impl NewImage {
    /// As an image that is new.
    pub(super) fn into_image(self, file_name: String) -> Image {
        Image {
            id: ImageId::new(),
            file_name,
            blob: self.blob,
            size_bytes: self.size_bytes,
            width: self.width,
            height: self.height,
            caption: String::new(),
            crop: None,
            row: None,
        }
    }

    /// Width and height of the upright picture.
    pub(super) fn size(&self) -> [usize; 2] {
        [self.width as usize, self.height as usize]
    }
}

impl Library {
    /// Keeps the bytes of a picture file, so that [`Edit::Add`] can have it. Hold the lock until the edit is done.
    ///
    /// # Errors
    /// When it is no picture within the limits; the error calls it `name` and says why.
    pub fn keep_image(&self, hold: &Hold, name: &str, bytes: &[u8]) -> Result<NewImage> {
        let picture = decode_bytes(bytes, &Limits::default());
        let picture = picture.map_err(|problem| {
            let path = name.into();
            atelier_data::Error::BadPicture { path, problem }
        })?;
        self.keep_decoded(hold, bytes, [picture.width, picture.height])
    }

    /// The same of bytes that were decoded before, to this width and height.
    pub(super) fn keep_decoded(
        &self,
        hold: &Hold,
        bytes: &[u8],
        [width, height]: [usize; 2],
    ) -> Result<NewImage> {
        Ok(NewImage {
            blob: self.blobs().put(hold, bytes)?,
            size_bytes: bytes.len() as u64,
            width: width as u32,
            height: height as u32,
        })
    }

    /// Makes a version with these changes, in their order; where they change nothing, the newest one stays.
    ///
    /// # Errors
    /// When `expected` is another than the newest version, or a change is not possible. Then nothing is changed.
    pub fn edit_dataset(
        &self,
        id: DatasetId,
        expected: Option<u32>,
        edits: Vec<Edit>,
    ) -> Result<Version> {
        self.edit_dataset_as(
            id,
            Edits {
                edits,
                expected,
                change: None,
            },
        )
    }

    /// The same, with words for the list of versions.
    pub fn edit_dataset_as(&self, id: DatasetId, wanted: Edits) -> Result<Version> {
        let (now_ms, blobs) = (self.now_ms(), self.blobs().clone());
        let Edits {
            edits,
            expected,
            change: words,
        } = wanted;
        self.write(move |change| {
            let dataset = get_to_change(change, id)?;
            let newest = dataset.version;
            if let Some(expected) = expected.filter(|&expected| expected != newest) {
                let name = dataset.about.name;
                return Err(Error::Conflict {
                    name,
                    newest,
                    expected,
                });
            }
            apply(
                change,
                (version(change, id, newest)?, &dataset.about),
                edits,
                (&blobs, (words.as_deref(), now_ms)),
            )
        })
    }
}

/// The version that follows `before`, or `before` where the edits change nothing.
pub(super) fn apply(
    change: &Transaction<'_>,
    (before, about): (Version, &About),
    edits: Vec<Edit>,
    (blobs, (words, now_ms)): (&Blobs, (Option<&str>, i64)),
) -> Result<Version> {
    let words = words.map(checked_words).transpose()?;
    check_count(&edits, before.images.len())?;
    let mut editor = Editor::new(before.images.clone(), about);
    for edit in edits {
        let is_of_many = matches!(edit, Edit::EditCaptions(..));
        editor.apply(edit, blobs)?;
        if is_of_many {
            check_captions(editor.captions())?;
        }
    }
    check_captions(editor.captions())?;
    let counted = editor.words();
    let images = editor.into_images();
    let is_same = |(a, b): (&Image, &Image)| {
        Image {
            row: b.row,
            ..a.clone()
        } == *b
    };
    let pairs = images.iter().zip(&before.images);
    if images.len() == before.images.len() && pairs.into_iter().all(is_same) {
        return Ok(before);
    }
    let words = words.unwrap_or(counted);
    let number = insert(change, before.dataset, &images, (&words, now_ms))?;
    version(change, before.dataset, number)
}

/// Refuses more words than any training needs, since every version keeps those that changed.
fn check_captions<'a>(captions: impl Iterator<Item = &'a str>) -> Result<()> {
    let bytes: usize = captions.map(str::len).sum();
    if bytes <= MAX_CAPTIONS_BYTES {
        return Ok(());
    }
    let problem = format!("together they have more than {MAX_CAPTIONS_BYTES} bytes");
    Err(Error::invalid(
        "captions",
        format!("{bytes} bytes"),
        problem,
    ))
}

/// Refuses more changes than a version is made of, where `present` images are there before them.
fn check_count(edits: &[Edit], present: usize) -> Result<()> {
    let mut present = present;
    let changes = edits.iter().map(|edit| match edit {
        Edit::EditCaptions(None, _) => present,
        Edit::EditCaptions(Some(images), _) => images.len(),
        Edit::Add { .. } => {
            present += 1;
            1
        }
        Edit::Remove(_) | Edit::SetCaption(..) | Edit::EditCaption(..) | Edit::SetCrop(..) => 1,
    });
    let count: usize = changes.sum();
    if count <= MAX_CHANGES {
        return Ok(());
    }
    let problem = format!("they change images more than {MAX_CHANGES} times");
    Err(Error::invalid("changes", edits.len().to_string(), problem))
}

/// What was done, as a caller says it. Without words, it is counted.
fn checked_words(words: &str) -> Result<String> {
    let line = one_line(words);
    let count = line.chars().count();
    let problem = if count == 0 {
        "it is empty".to_owned()
    } else if count > MAX_CHANGE_CHARS {
        format!("it has more than {MAX_CHANGE_CHARS} characters")
    } else if line.contains(char::is_control) {
        "it has control characters".to_owned()
    } else {
        return Ok(line);
    };
    Err(Error::invalid("change", beginning(&line), problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_that_are_too_long_together_are_refused() {
        let long = "x".repeat(10_000);
        let captions = |count| std::iter::repeat_n(long.as_str(), count);
        assert!(check_captions(captions(3_200)).is_ok());
        let refused = check_captions(captions(3_201)).unwrap_err();
        assert!(refused.to_string().contains("more than 32000000 bytes"));
    }
}
