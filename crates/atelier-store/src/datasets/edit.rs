//! Changes to a dataset: several together make one version.

use std::collections::HashSet;
use std::path::Path;

use atelier_core::Crop;
use atelier_data::caption::one_line;
use atelier_data::{Limits, decode_bytes};
use serde::Serialize;

use super::get;
use super::version::{Image, Version, insert, version};
use crate::blobs::Hold;
use crate::error::{Error, Result};
use crate::library::{DatasetId, ImageId, Library};

/// Longest caption.
const MAX_CAPTION_CHARS: usize = 10_000;
/// Longest name of a file, without its ending.
const MAX_STEM_CHARS: usize = 100;
/// Most pictures of a dataset.
const MAX_IMAGES: usize = 10_000;
/// How names of picture files end.
const ENDINGS: [&str; 6] = ["png", "jpg", "jpeg", "webp", "gif", "bmp"];

/// A picture file that the library has, and that may become one of a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewImage {
    /// SHA-256 of its file.
    blob: String,
    size_bytes: u64,
    width: u32,
    height: u32,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Adds a picture at the end.
    Add {
        /// The picture.
        image: NewImage,
        /// The name that its file gets in folders; changed a little where another picture has it.
        file_name: String,
        /// Its words.
        caption: String,
        /// The square to train on; the middle one when absent.
        crop: Option<Crop>,
    },
    /// Takes a picture out. Its file stays as long as a version has it.
    Remove(ImageId),
    /// Gives a picture other words.
    SetCaption(ImageId, String),
    /// Gives a picture another square, or with `None` the middle one.
    SetCrop(ImageId, Option<Crop>),
}

/// How many changes of each kind there were.
#[derive(Debug, Default)]
struct Counts {
    added: usize,
    removed: usize,
    captions: usize,
    crops: usize,
}

impl Library {
    /// Keeps the bytes of a picture file, so that [`Edit::Add`] can have it. Hold the lock until the edit is done.
    ///
    /// # Errors
    /// When it is no picture within the limits; the error says why.
    pub fn keep_picture(
        &self,
        hold: &Hold,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<NewImage, PictureError> {
        let picture = decode_bytes(bytes, limits).map_err(PictureError::Picture)?;
        let blob = self
            .blobs()
            .put(hold, bytes)
            .map_err(PictureError::Library)?;
        Ok(NewImage {
            blob,
            size_bytes: bytes.len() as u64,
            width: picture.width as u32,
            height: picture.height as u32,
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
        let now_ms = self.now_ms();
        self.write(move |change| {
            let dataset = get(change, id)?;
            let newest = dataset.version;
            if let Some(expected) = expected.filter(|&expected| expected != newest) {
                let name = dataset.about.name;
                return Err(Error::Conflict {
                    name,
                    newest,
                    expected,
                });
            }
            let before = version(change, id, newest)?;
            let mut images = before.pictures.clone();
            let mut counts = Counts::default();
            for edit in edits {
                counts.apply(&mut images, edit)?;
            }
            if images == before.pictures {
                return Ok(before);
            }
            let number = insert(change, id, &images, (&counts.words(), now_ms))?;
            version(change, id, number)
        })
    }
}

/// Why a picture was not kept.
#[derive(Debug)]
pub enum PictureError {
    /// The reason lies in the picture.
    Picture(String),
    /// The library could not write it.
    Library(Error),
}

impl Counts {
    fn apply(&mut self, images: &mut Vec<Image>, edit: Edit) -> Result<()> {
        match edit {
            Edit::Add {
                image,
                file_name,
                caption,
                crop,
            } => {
                if images.len() == MAX_IMAGES {
                    let value = file_name;
                    let problem = format!("a dataset has at most {MAX_IMAGES} pictures");
                    return Err(invalid("picture", value, problem));
                }
                let NewImage {
                    blob,
                    size_bytes,
                    width,
                    height,
                } = image;
                let mut image = Image {
                    id: ImageId::new(),
                    file_name: free_name(images, &file_name),
                    blob,
                    size_bytes,
                    width,
                    height,
                    caption: checked_caption(&caption)?,
                    crop: None,
                    row: None,
                };
                set_crop(&mut image, crop)?;
                images.push(image);
                self.added += 1;
            }
            Edit::Remove(id) => {
                let at = position(images, id)?;
                images.remove(at);
                self.removed += 1;
            }
            Edit::SetCaption(id, caption) => {
                let at = position(images, id)?;
                let image = &mut images[at];
                let caption = checked_caption(&caption)?;
                if image.caption != caption {
                    (image.caption, image.row) = (caption, None);
                    self.captions += 1;
                }
            }
            Edit::SetCrop(id, crop) => {
                let at = position(images, id)?;
                let image = &mut images[at];
                if image.crop != crop {
                    set_crop(image, crop)?;
                    image.row = None;
                    self.crops += 1;
                }
            }
        }
        Ok(())
    }

    fn words(&self) -> String {
        let kinds = [
            (self.added, "picture", "added"),
            (self.removed, "picture", "removed"),
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

fn invalid(what: &'static str, value: String, problem: String) -> Error {
    Error::Invalid {
        what,
        value,
        problem,
    }
}

fn position(images: &[Image], id: ImageId) -> Result<usize> {
    let at = images.iter().position(|image| image.id == id);
    at.ok_or_else(|| Error::not_found("picture", id))
}

fn set_crop(image: &mut Image, crop: Option<Crop>) -> Result<()> {
    let (width, height) = (image.width as usize, image.height as usize);
    if let Some(problem) = crop.and_then(|crop| crop.problem(width, height)) {
        return Err(invalid("picture", image.file_name.clone(), problem));
    }
    image.crop = crop;
    Ok(())
}

fn checked_caption(caption: &str) -> Result<String> {
    let caption = one_line(caption);
    let value = || caption.chars().take(60).collect();
    if caption.chars().count() > MAX_CAPTION_CHARS {
        let problem = format!("it has more than {MAX_CAPTION_CHARS} characters");
        return Err(invalid("caption", value(), problem));
    }
    if caption.contains(char::is_control) {
        let problem = "it has control characters".to_owned();
        return Err(invalid("caption", value(), problem));
    }
    Ok(caption)
}

/// A file name like the wanted one that can stand in any folder, and whose stem no picture has: captions lie beside pictures
/// under that.
fn free_name(images: &[Image], wanted: &str) -> String {
    let lower = |name: &str| stem(name).to_lowercase();
    let taken: HashSet<String> = images.iter().map(|image| lower(&image.file_name)).collect();
    // Paths of any system.
    let name = wanted.rsplit(['/', '\\']).next().unwrap_or_default();
    let ending = Path::new(name)
        .extension()
        .and_then(|ending| ending.to_str());
    let ending = ending.map(str::to_lowercase);
    let ending = ending.filter(|ending| ENDINGS.contains(&ending.as_str()));
    let (first, ending) = match &ending {
        Some(ending) => (stem(name), ending.as_str()),
        None => (name, "png"),
    };
    let harmless = |c: char| !c.is_control() && !r#"<>:"|?*"#.contains(c);
    let first: String = first
        .chars()
        .filter(|&c| harmless(c))
        .take(MAX_STEM_CHARS)
        .collect();
    let first = first.trim_matches(|c: char| c == '.' || c.is_whitespace());
    let first = if first.is_empty() { "picture" } else { first };
    let numbered = (2..).map(|number| format!("{first}-{number}.{ending}"));
    let mut names = std::iter::once(format!("{first}.{ending}")).chain(numbered);
    names
        .find(|name| !taken.contains(&lower(name)))
        .expect("numbers do not end before pictures do")
}

fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
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
    fn names_of_files_can_stand_in_any_folder_and_leave_captions_room() {
        let images = [image("cat.png"), image("cat-2.jpg")];
        for (wanted, expected) in [
            ("dog.JPEG", "dog.jpeg"),
            ("cat.png", "cat-3.png"),
            ("Cat.webp", "Cat-3.webp"),
            ("cat.tar", "cat.tar.png"),
            ("../../etc/passwd", "passwd.png"),
            (r"C:\pictures\my cat.bmp", "my cat.bmp"),
            ("", "picture.png"),
            ("...png", "picture.png"),
            ("a\u{0}b?.png", "ab.png"),
            (" .hidden .gif", "hidden.gif"),
            ("猫.png", "猫.png"),
        ] {
            assert_eq!(free_name(&images, wanted), expected, "{wanted}");
        }
        let long = free_name(&[], &"x".repeat(1000));
        assert_eq!(long.len(), 104);
    }

    #[test]
    fn what_was_done_is_said_in_words() {
        let mut images = vec![image("a.png"), image("b.png"), image("c.png")];
        let (a, b) = (images[0].id, images[1].id);
        let crop = Crop {
            left: 0,
            top: 0,
            side: 30,
        };
        let mut counts = Counts::default();
        for edit in [
            Edit::SetCaption(a, "a  red\ncat".to_owned()),
            Edit::SetCrop(b, Some(crop)),
            Edit::SetCrop(b, Some(crop)),
            Edit::SetCaption(b, String::new()),
            Edit::Remove(a),
            Edit::SetCrop(b, None),
        ] {
            counts.apply(&mut images, edit).unwrap();
        }
        assert_eq!(
            counts.words(),
            "1 picture removed, 1 caption changed, 2 crops changed"
        );
        assert_eq!(images.len(), 2);
        let too_large = Some(Crop { side: 31, ..crop });
        let error = counts.apply(&mut images, Edit::SetCrop(b, too_large));
        assert!(error.unwrap_err().to_string().contains("90×30"));
        let error = counts.apply(&mut images, Edit::Remove(a)).unwrap_err();
        assert!(error.to_string().starts_with("there is no picture"));
    }
}
