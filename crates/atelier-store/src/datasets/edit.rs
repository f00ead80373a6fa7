//! Changes to a dataset: several together make one version.

use atelier_core::Crop;
use atelier_data::caption::one_line;
use atelier_data::{Limits, decode_bytes};
use rusqlite::Transaction;
use serde::Serialize;

use super::caption::{beginning, checked_caption};
use super::caption_edit::CaptionEdit;
use super::file_name::Stems;
use super::get_to_change;
use super::version::{Image, Version, insert, version};
use crate::about::About;
use crate::blobs::{Blobs, Hold};
use crate::error::{Error, Result};
use crate::library::{DatasetId, ImageId, Library};

/// Longest description of a change.
const MAX_CHANGE_CHARS: usize = 200;
/// Most images of a dataset.
pub(super) const MAX_IMAGES: usize = 10_000;

/// A picture file that the library has, and that may become an image of a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewImage {
    /// SHA-256 of its file.
    pub(super) blob: String,
    size_bytes: u64,
    width: u32,
    height: u32,
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
    let mut editor = Editor::new(before.images.clone());
    editor.about.clone_from(about);
    for edit in edits {
        editor.apply(edit, blobs)?;
    }
    let is_same = |(a, b): (&Image, &Image)| {
        Image {
            row: b.row,
            ..a.clone()
        } == *b
    };
    let pairs = editor.images.iter().zip(&before.images);
    if editor.images.len() == before.images.len() && pairs.into_iter().all(is_same) {
        return Ok(before);
    }
    let words = words.unwrap_or_else(|| editor.words());
    let number = insert(change, before.dataset, &editor.images, (&words, now_ms))?;
    version(change, before.dataset, number)
}

/// The images while they are changed, and how many changes of each kind there were.
#[derive(Debug, Default)]
struct Editor {
    images: Vec<Image>,
    stems: Stems,
    about: About,
    added: usize,
    removed: usize,
    captions: usize,
    crops: usize,
}

impl Editor {
    fn new(images: Vec<Image>) -> Self {
        Self {
            stems: Stems::of(images.iter().map(|image| image.file_name.as_str())),
            images,
            ..Self::default()
        }
    }

    fn apply(&mut self, edit: Edit, blobs: &Blobs) -> Result<()> {
        match edit {
            Edit::Add {
                image,
                file_name,
                caption,
                crop,
            } => {
                if self.images.len() == MAX_IMAGES {
                    let problem = format!("a dataset has at most {MAX_IMAGES} images");
                    return Err(Error::invalid("image", file_name, problem));
                }
                let NewImage {
                    blob,
                    size_bytes,
                    width,
                    height,
                } = image;
                // Whoever let go of the lock too early may have lost it.
                if !blobs.path(&blob).exists() {
                    let (hash, problem) = (blob, "is gone; add the picture again".to_owned());
                    return Err(Error::DamagedBlob { hash, problem });
                }
                let mut image = Image {
                    id: ImageId::new(),
                    file_name: self.stems.take(&file_name),
                    blob,
                    size_bytes,
                    width,
                    height,
                    caption: checked_caption(&caption)?,
                    crop: None,
                    row: None,
                };
                set_crop(&mut image, crop)?;
                self.images.push(image);
                self.added += 1;
            }
            Edit::Remove(id) => {
                let at = self.position(id)?;
                let image = self.images.remove(at);
                self.stems.give_back(&image.file_name);
                self.removed += 1;
            }
            Edit::SetCaption(id, caption) => {
                let at = self.position(id)?;
                self.set_caption(at, checked_caption(&caption)?);
            }
            Edit::EditCaption(id, edit) => {
                let at = self.position(id)?;
                edit.check()?;
                let caption = edit.applied(&self.images[at].caption, &self.about)?;
                self.set_caption(at, caption);
            }
            Edit::SetCrop(id, crop) => {
                let at = self.position(id)?;
                let image = &mut self.images[at];
                if image.crop != crop {
                    set_crop(image, crop)?;
                    image.row = None;
                    self.crops += 1;
                }
            }
        }
        Ok(())
    }

    fn set_caption(&mut self, at: usize, caption: String) {
        let image = &mut self.images[at];
        if image.caption != caption {
            (image.caption, image.row) = (caption, None);
            self.captions += 1;
        }
    }

    fn position(&self, id: ImageId) -> Result<usize> {
        let at = self.images.iter().position(|image| image.id == id);
        at.ok_or_else(|| Error::not_found("image", id))
    }

    /// What was done.
    fn words(&self) -> String {
        let kinds = [
            (self.added, "image", "added"),
            (self.removed, "image", "removed"),
            (self.captions, "caption", "changed"),
            (self.crops, "crop", "changed"),
        ];
        let words = kinds.into_iter().filter(|(count, ..)| *count > 0);
        let words = words.map(|(count, what, done)| {
            let plural = if count == 1 { "" } else { "s" };
            format!("{count} {what}{plural} {done}")
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

fn set_crop(image: &mut Image, crop: Option<Crop>) -> Result<()> {
    let (width, height) = (image.width as usize, image.height as usize);
    if let Some(problem) = crop.and_then(|crop| crop.problem(width, height)) {
        return Err(Error::invalid("image", image.file_name.as_str(), problem));
    }
    image.crop = crop;
    Ok(())
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

    fn image(file_name: &str) -> Image {
        Image {
            id: ImageId::new(),
            file_name: file_name.to_owned(),
            blob: String::new(),
            size_bytes: 0,
            width: 90,
            height: 30,
            caption: String::new(),
            crop: None,
            row: Some(1),
        }
    }

    #[test]
    fn what_was_done_is_said_in_words() {
        let home = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(home.path()).unwrap();
        let mut editor = Editor::new(vec![image("a.png"), image("b.png"), image("c.png")]);
        let (a, b) = (editor.images[0].id, editor.images[1].id);
        let crop = Crop {
            left: 0,
            top: 0,
            side: 30,
        };
        for edit in [
            Edit::SetCaption(a, "a  red\ncat".to_owned()),
            Edit::SetCrop(b, Some(crop)),
            Edit::SetCrop(b, Some(crop)),
            Edit::SetCaption(b, String::new()),
            Edit::Remove(a),
            Edit::SetCrop(b, None),
        ] {
            editor.apply(edit, &blobs).unwrap();
        }
        assert_eq!(
            editor.words(),
            "1 image removed, 1 caption changed, 2 crops changed"
        );
        assert_eq!(editor.images.len(), 2);
        let too_large = Some(Crop { side: 31, ..crop });
        let error = editor.apply(Edit::SetCrop(b, too_large), &blobs);
        assert!(error.unwrap_err().to_string().contains("90×30"));
        let error = editor.apply(Edit::Remove(a), &blobs).unwrap_err();
        assert!(error.to_string().starts_with("there is no image"));
    }
}
