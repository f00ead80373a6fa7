//! Which caption and which crop belong to which picture.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use atelier_core::Crop;
use atelier_data::crops_from_json;

use super::UploadOutcome;
use super::part::{Fate, Kind, Part};

/// A picture that may become an image, with what belongs to it.
#[derive(Debug)]
pub(super) struct Paired {
    /// Its place among the parts.
    pub(super) at: usize,
    /// Where its file lies.
    pub(super) path: PathBuf,
    pub(super) caption: String,
    pub(super) crop: Option<Crop>,
}

/// The folder of an archive, or of what came without one.
type Place = (Option<String>, String);

/// Every picture with its caption and its crop; and the parts, with what is known of captions and crops.
pub(super) fn pair(mut parts: Vec<Part>) -> (Vec<Paired>, Vec<Part>) {
    let captions = captions(&mut parts);
    let crops = crops(&mut parts);
    let mut paired = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let Fate::Lies(path) = &part.fate else {
            continue;
        };
        let place = place(part);
        let crop = crops.get(&place).and_then(|crops| crops.get(&part.name));
        let key = (place, part.stem().to_owned());
        paired.push(Paired {
            at,
            path: path.clone(),
            caption: captions.get(&key).cloned().unwrap_or_default(),
            crop: crop.copied(),
        });
    }
    (paired, parts)
}

/// After it is known what became of pictures: captions and crops of none that came in were not needed.
pub(super) fn mark_unused(parts: &mut [Part]) {
    let is_new = |part: &&Part| {
        matches!(
            &part.fate,
            Fate::Image(atelier_store::AdditionOutcome::Added(_))
        )
    };
    let new = || parts.iter().filter(is_new);
    let stems: HashSet<_> = new()
        .map(|part| (place(part), part.stem().to_owned()))
        .collect();
    let places: HashSet<_> = new().map(place).collect();
    for part in parts {
        let Fate::Used(outcome) = part.fate else {
            continue;
        };
        let is_needed = match outcome {
            UploadOutcome::Caption => stems.contains(&(place(part), part.stem().to_owned())),
            _ => places.contains(&place(part)),
        };
        if !is_needed {
            part.fate = Fate::Ignored("no new picture of this name came with it");
        }
    }
}

fn place(part: &Part) -> Place {
    (part.archive.clone(), part.folder.clone())
}

fn captions(parts: &mut [Part]) -> HashMap<(Place, String), String> {
    let mut captions = HashMap::new();
    for part in parts {
        let Some(bytes) = content_of(part, Kind::Caption) else {
            continue;
        };
        match String::from_utf8(bytes) {
            Ok(text) => {
                let text = text.trim_start_matches('\u{feff}').to_owned();
                captions.insert((place(part), part.stem().to_owned()), text);
                part.fate = Fate::Used(UploadOutcome::Caption);
            }
            Err(_) => part.fate = Fate::Refused("it is not UTF-8 text".to_owned()),
        }
    }
    captions
}

fn crops(parts: &mut [Part]) -> HashMap<Place, BTreeMap<String, Crop>> {
    let mut crops = HashMap::new();
    for part in parts {
        let Some(bytes) = content_of(part, Kind::Crops) else {
            continue;
        };
        match crops_from_json(&bytes) {
            Ok(found) => {
                crops.insert(place(part), found);
                part.fate = Fate::Used(UploadOutcome::Crops);
            }
            Err(problem) => part.fate = Fate::Refused(problem),
        }
    }
    crops
}

/// What is in a file of this kind; nothing when it is another, or cannot be read, which it then tells.
fn content_of(part: &mut Part, kind: Kind) -> Option<Vec<u8>> {
    let Fate::Lies(path) = &part.fate else {
        return None;
    };
    if part.kind() != kind {
        return None;
    }
    match fs_err::read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            part.fate = Fate::Refused(format!("it cannot be read: {}", error.kind()));
            None
        }
    }
}
