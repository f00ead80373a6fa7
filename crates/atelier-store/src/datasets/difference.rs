//! What changed between two versions of a dataset.

use std::collections::HashMap;

use atelier_core::Crop;
use serde::Serialize;

use super::get;
use super::version::{Image, Version, version};
use crate::error::Result;
use crate::library::{DatasetId, ImageId, Library};

/// What changed from an older version to a newer one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The number of the older version.
    pub from: u32,
    /// The number of the newer version.
    pub to: u32,
    /// Images that came.
    pub added: Vec<Image>,
    /// Images that went.
    pub removed: Vec<Image>,
    /// Images whose words or squares are others.
    pub changed: Vec<ImageChange>,
}

/// How a picture changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageChange {
    /// Which picture.
    pub id: ImageId,
    /// The name of its file.
    pub file_name: String,
    /// Its words before and after, where they changed.
    pub caption: Option<[String; 2]>,
    /// Its square before and after, where it changed.
    pub crop: Option<[Option<Crop>; 2]>,
}

impl Difference {
    fn between(from: &Version, to: &Version) -> Self {
        let [old, new] = [from, to].map(by_id);
        let lacking = |here: &Version, there: &HashMap<ImageId, &Image>| -> Vec<Image> {
            let images = here.images.iter();
            let lacking = images.filter(|image| !there.contains_key(&image.id));
            lacking.cloned().collect()
        };
        let change = |after: &Image| {
            let before = old.get(&after.id)?;
            let caption = (before.caption != after.caption)
                .then(|| [before.caption.clone(), after.caption.clone()]);
            let crop = (before.crop != after.crop).then_some([before.crop, after.crop]);
            (caption.is_some() || crop.is_some()).then(|| ImageChange {
                id: after.id,
                file_name: after.file_name.clone(),
                caption,
                crop,
            })
        };
        Self {
            from: from.about.number,
            to: to.about.number,
            added: lacking(to, &old),
            removed: lacking(from, &new),
            changed: to.images.iter().filter_map(change).collect(),
        }
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

fn by_id(version: &Version) -> HashMap<ImageId, &Image> {
    let images = version.images.iter();
    images.map(|image| (image.id, image)).collect()
}

impl Library {
    /// What changed between two versions of a dataset; `to` is the newest unless given, `from` the one before `to`.
    pub fn compare_versions(
        &self,
        dataset: DatasetId,
        from: Option<u32>,
        to: Option<u32>,
    ) -> Result<Difference> {
        self.read(|view| {
            let newest = get(view, dataset)?.version;
            let to = to.unwrap_or(newest);
            let from = from.unwrap_or(to.saturating_sub(1).max(1));
            Ok(Difference::between(
                &version(view, dataset, from)?,
                &version(view, dataset, to)?,
            ))
        })
    }
}
