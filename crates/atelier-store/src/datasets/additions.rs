//! Pictures that come one by one from somewhere else than a folder: what can be added is, and the rest is told.

use std::collections::HashMap;

use atelier_core::Crop;
use atelier_data::caption::one_line;

use super::caption::caption_problem;
use super::edit::{Edit, MAX_IMAGES, NewImage, apply};
use super::get_to_change;
use super::version::{Version, version};
use crate::blobs::Hold;
use crate::error::Result;
use crate::library::{DatasetId, ImageId, Library};

/// A picture that may become an image of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    /// Its file.
    pub image: NewImage,
    /// The name that its file gets in folders; changed a little where another image has it.
    pub file_name: String,
    /// Its words.
    pub caption: String,
    /// The square to train on; the middle one when absent.
    pub crop: Option<Crop>,
}

/// What became of an [`Addition`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdditionOutcome {
    /// It is a new image.
    Added(ImageId),
    /// The dataset has an image with this very file already.
    Present(ImageId),
    /// It was left out, for this reason.
    Refused(String),
}

impl Library {
    /// Adds what can be added, as one version; an outcome for each, in their order. Where nothing comes in, the newest version
    /// stays. `change` says in the list of versions what was done, where its own words do not do.
    ///
    /// # Errors
    /// When there is no such dataset or it is in the trash. Then nothing is changed.
    pub fn add_images(
        &self,
        _hold: &Hold,
        dataset: DatasetId,
        additions: Vec<Addition>,
        change: Option<String>,
    ) -> Result<(Version, Vec<AdditionOutcome>)> {
        let (now_ms, blobs) = (self.now_ms(), self.blobs().clone());
        self.write(move |transaction| {
            let newest = get_to_change(transaction, dataset)?;
            let before = version(transaction, dataset, newest.version)?;
            let count = before.images.len();
            let mut sorter = Sorter::new(&before);
            for addition in additions {
                sorter.take(addition);
            }
            let Sorter { edits, fates, .. } = sorter;
            let words = (change.as_deref(), now_ms);
            let after = apply(transaction, (before, &newest.about), edits, (&blobs, words))?;
            let new = after.images.get(count..).unwrap_or_default();
            let id_of = |at: usize| new.get(at).map(|image| image.id);
            let outcomes = fates.into_iter().map(|fate| match fate {
                Fate::Done(outcome) => outcome,
                Fate::New(at) => id_of(at).map_or_else(lost, AdditionOutcome::Added),
                Fate::Twin(at) => id_of(at).map_or_else(lost, AdditionOutcome::Present),
            });
            let outcomes = outcomes.collect();
            Ok((after, outcomes))
        })
    }
}

fn lost() -> AdditionOutcome {
    AdditionOutcome::Refused("it is not in the new version; try again".to_owned())
}

/// What an addition comes to before new images have their ids.
enum Fate {
    Done(AdditionOutcome),
    /// The new image at this place.
    New(usize),
    /// The same file as the new image at this place.
    Twin(usize),
}

/// Sorts additions into those that can be images and those that cannot.
struct Sorter {
    present: HashMap<String, ImageId>,
    coming: HashMap<String, usize>,
    count: usize,
    edits: Vec<Edit>,
    fates: Vec<Fate>,
}

impl Sorter {
    fn new(before: &Version) -> Self {
        let images = before.images.iter();
        Self {
            present: images.map(|image| (image.blob.clone(), image.id)).collect(),
            coming: HashMap::new(),
            count: before.images.len(),
            edits: Vec::new(),
            fates: Vec::new(),
        }
    }

    fn take(&mut self, addition: Addition) {
        let fate = self.fate(&addition);
        if matches!(fate, Fate::New(_)) {
            let Addition {
                image,
                file_name,
                caption,
                crop,
            } = addition;
            self.coming.insert(image.blob.clone(), self.edits.len());
            self.edits.push(Edit::Add {
                image,
                file_name,
                caption,
                crop,
            });
        }
        self.fates.push(fate);
    }

    fn fate(&self, addition: &Addition) -> Fate {
        let blob = &addition.image.blob;
        if let Some(id) = self.present.get(blob) {
            return Fate::Done(AdditionOutcome::Present(*id));
        }
        if let Some(at) = self.coming.get(blob) {
            return Fate::Twin(*at);
        }
        let [width, height] = addition.image.size();
        let crop = addition.crop.and_then(|crop| crop.problem(width, height));
        let caption = caption_problem(&one_line(&addition.caption));
        let caption = caption.map(|problem| format!("its caption: {problem}"));
        let is_full = self.count + self.edits.len() >= MAX_IMAGES;
        let full = is_full.then(|| format!("a dataset has at most {MAX_IMAGES} images"));
        match crop.or(caption).or(full) {
            Some(problem) => Fate::Done(AdditionOutcome::Refused(problem)),
            None => Fate::New(self.edits.len()),
        }
    }
}
