//! The images of a dataset while they are changed.

use std::collections::HashMap;

use atelier_core::Crop;

use super::caption::checked_caption;
use super::caption_edit::CaptionEdit;
use super::edit::{Edit, MAX_IMAGES, NewImage};
use super::file_name::Stems;
use super::version::Image;
use crate::about::About;
use crate::blobs::Blobs;
use crate::error::{Error, Result};
use crate::library::ImageId;

/// The images, and how many changes of each kind there were.
#[derive(Debug, Default)]
pub(super) struct Editor {
    /// In their order; nothing in the place of one that was taken out.
    images: Vec<Option<Image>>,
    places: HashMap<ImageId, usize>,
    stems: Stems,
    about: About,
    added: usize,
    removed: usize,
    captions: usize,
    crops: usize,
}

/// A new image with what belongs to it.
struct Addition {
    image: NewImage,
    file_name: String,
    caption: String,
    crop: Option<Crop>,
}

impl Editor {
    pub(super) fn new(images: Vec<Image>, about: &About) -> Self {
        let places = images.iter().enumerate();
        Self {
            stems: Stems::of(images.iter().map(|image| image.file_name.as_str())),
            places: places.map(|(at, image)| (image.id, at)).collect(),
            images: images.into_iter().map(Some).collect(),
            about: about.clone(),
            ..Self::default()
        }
    }

    pub(super) fn apply(&mut self, edit: Edit, blobs: &Blobs) -> Result<()> {
        match edit {
            Edit::Add {
                image,
                file_name,
                caption,
                crop,
            } => self.add(
                Addition {
                    image,
                    file_name,
                    caption,
                    crop,
                },
                blobs,
            ),
            Edit::Remove(id) => {
                let at = self.places.remove(&id);
                let image = at.and_then(|at| self.images.get_mut(at)?.take());
                let image = image.ok_or_else(|| Error::not_found("image", id))?;
                self.stems.give_back(&image.file_name);
                self.removed += 1;
                Ok(())
            }
            Edit::SetCaption(id, caption) => {
                let caption = checked_caption(&caption)?;
                self.captions += set_caption(self.image(id)?, caption);
                Ok(())
            }
            Edit::EditCaption(id, edit) => self.edit_captions(Some(&[id]), &edit),
            Edit::EditCaptions(ids, edit) => self.edit_captions(ids.as_deref(), &edit),
            Edit::SetCrop(id, crop) => {
                let image = self.image(id)?;
                if image.crop != crop {
                    set_crop(image, crop)?;
                    image.row = None;
                    self.crops += 1;
                }
                Ok(())
            }
        }
    }

    fn add(&mut self, new: Addition, blobs: &Blobs) -> Result<()> {
        let Addition {
            image,
            file_name,
            caption,
            crop,
        } = new;
        if self.places.len() >= MAX_IMAGES {
            let problem = format!("a dataset has at most {MAX_IMAGES} images");
            return Err(Error::invalid("image", file_name, problem));
        }
        // Whoever let go of the lock too early may have lost it.
        if !blobs.path(&image.blob).exists() {
            let (hash, problem) = (image.blob, "is gone; add the picture again".to_owned());
            return Err(Error::DamagedBlob { hash, problem });
        }
        let mut image = image.into_image(self.stems.take(&file_name));
        image.caption = checked_caption(&caption)?;
        set_crop(&mut image, crop)?;
        self.places.insert(image.id, self.images.len());
        self.images.push(Some(image));
        self.added += 1;
        Ok(())
    }

    /// Changes the captions of these images, or of all.
    fn edit_captions(&mut self, ids: Option<&[ImageId]>, edit: &CaptionEdit) -> Result<()> {
        edit.check()?;
        let about = self.about.clone();
        let mut change = |image: &mut Image| -> Result<()> {
            let caption = edit.applied(&image.caption, &about)?;
            self.captions += set_caption(image, caption);
            Ok(())
        };
        match ids {
            None => self.images.iter_mut().flatten().try_for_each(change),
            Some(ids) => ids.iter().try_for_each(|id| {
                let at = self.places.get(id);
                let image = at.and_then(|at| self.images.get_mut(*at)?.as_mut());
                change(image.ok_or_else(|| Error::not_found("image", id))?)
            }),
        }
    }

    fn image(&mut self, id: ImageId) -> Result<&mut Image> {
        let at = self.places.get(&id);
        let image = at.and_then(|at| self.images.get_mut(*at)?.as_mut());
        image.ok_or_else(|| Error::not_found("image", id))
    }

    /// The captions as they are now.
    pub(super) fn captions(&self) -> impl Iterator<Item = &str> {
        let images = self.images.iter().flatten();
        images.map(|image| image.caption.as_str())
    }

    /// The images as they are now.
    pub(super) fn into_images(self) -> Vec<Image> {
        self.images.into_iter().flatten().collect()
    }

    /// What was done.
    pub(super) fn words(&self) -> String {
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

/// Gives an image other words, and says how many captions that changed.
fn set_caption(image: &mut Image, caption: String) -> usize {
    let is_other = image.caption != caption;
    if is_other {
        (image.caption, image.row) = (caption, None);
    }
    usize::from(is_other)
}

fn set_crop(image: &mut Image, crop: Option<Crop>) -> Result<()> {
    let (width, height) = (image.width as usize, image.height as usize);
    if let Some(problem) = crop.and_then(|crop| crop.problem(width, height)) {
        return Err(Error::invalid("image", image.file_name.as_str(), problem));
    }
    image.crop = crop;
    Ok(())
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
        let images = vec![image("a.png"), image("b.png"), image("c.png")];
        let (a, b) = (images[0].id, images[1].id);
        let mut editor = Editor::new(images, &About::default());
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
            "1 picture removed, 1 caption changed, 2 crops changed"
        );
        let too_large = Some(Crop { side: 31, ..crop });
        let error = editor.apply(Edit::SetCrop(b, too_large), &blobs);
        assert!(error.unwrap_err().to_string().contains("90×30"));
        let error = editor.apply(Edit::Remove(a), &blobs).unwrap_err();
        assert!(error.to_string().starts_with("there is no image"));
        let names = editor.into_images().into_iter();
        let names: Vec<_> = names.map(|image| image.file_name).collect();
        assert_eq!(names, ["b.png", "c.png"]);
    }
}
