//! Which caption and which crop belong to which picture.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use atelier_core::Crop;
use atelier_data::caption::one_line;
use atelier_data::crops_from_json;
use atelier_store::{MAX_CAPTION_CHARS, composed};

use super::part::{Fate, Kind, Part, UploadOutcome};

/// A picture that may become an image, with what belongs to it.
#[derive(Debug)]
pub struct Paired {
    /// Its place among the parts.
    pub at: usize,
    /// Where its file lies.
    pub path: PathBuf,
    /// Its words; none where nothing came with it.
    pub caption: String,
    /// The square to train on, where one came with it.
    pub crop: Option<Crop>,
}

/// The folder of an archive, or of what came without one.
type Place = (Option<String>, String);

/// Every picture with its caption and its crop; and the parts, with what is known of captions and crops.
pub fn pair(mut parts: Vec<Part>) -> (Vec<Paired>, Vec<Part>) {
    let pictures = parts.iter().enumerate().filter_map(|(at, part)| {
        let Fate::Lies(path) = &part.fate else {
            return None;
        };
        (part.kind() == Kind::Picture).then(|| Paired {
            at,
            path: path.clone(),
            caption: String::new(),
            crop: None,
        })
    });
    let mut paired: Vec<_> = pictures.collect();
    add_captions(&mut paired, &mut parts);
    add_crops(&mut paired, &mut parts);
    (paired, parts)
}

/// After it is known what became of pictures: captions and crops of none that came in were not needed.
pub fn mark_unused(parts: &mut [Part]) {
    let is_new = |part: &&Part| {
        matches!(
            &part.fate,
            Fate::Image(atelier_store::AdditionOutcome::Added(_))
        )
    };
    let new = || parts.iter().filter(is_new);
    let stems: HashSet<_> = new().map(|part| (place(part), stem(part))).collect();
    let places: HashSet<_> = new().map(place).collect();
    for part in parts {
        let Fate::Used(outcome) = part.fate else {
            continue;
        };
        let is_needed = match outcome {
            UploadOutcome::Caption => stems.contains(&(place(part), stem(part))),
            _ => places.contains(&place(part)),
        };
        if !is_needed {
            part.fate = Fate::Ignored("no new picture of this name came with it");
        }
    }
}

/// Accents are composed, as some systems write names in the one way and some in the other.
fn place(part: &Part) -> Place {
    (part.archive.clone(), composed(&part.folder))
}

/// The name without its ending, as pictures and captions have it in common.
fn stem(part: &Part) -> String {
    composed(part.stem())
}

fn add_captions(paired: &mut [Paired], parts: &mut [Part]) {
    // Pictures of several formats may share a caption.
    let mut by_stem: HashMap<_, Vec<usize>> = HashMap::new();
    for (place_of, picture) in paired.iter().enumerate() {
        let part = &parts[picture.at];
        let key = (place(part), stem(part));
        by_stem.entry(key).or_default().push(place_of);
    }
    for part in parts {
        let Some(bytes) = content_of(part, Kind::Caption) else {
            continue;
        };
        match String::from_utf8(bytes) {
            Ok(text) => {
                let key = (place(part), stem(part));
                let text = cut(text.trim_start_matches('\u{feff}'));
                for at in by_stem.get(&key).into_iter().flatten() {
                    paired[*at].caption.clone_from(&text);
                }
                part.fate = Fate::Used(UploadOutcome::Caption);
            }
            Err(_) => part.fate = Fate::Refused("it is not UTF-8 text".to_owned()),
        }
    }
}

/// A caption on one line, with as much of it as shows that it is too long.
fn cut(text: &str) -> String {
    let line = one_line(text);
    line.chars().take(MAX_CAPTION_CHARS + 1).collect()
}

fn add_crops(paired: &mut [Paired], parts: &mut [Part]) {
    let mut by_place: HashMap<Place, HashMap<String, Vec<usize>>> = HashMap::new();
    for (place_of, picture) in paired.iter().enumerate() {
        let part = &parts[picture.at];
        let named = by_place.entry(place(part)).or_default();
        named
            .entry(composed(&part.name))
            .or_default()
            .push(place_of);
    }
    for part in parts {
        let Some(bytes) = content_of(part, Kind::Crops) else {
            continue;
        };
        match crops_from_json(&bytes) {
            Ok(found) => {
                let named = by_place.get(&place(part));
                for (name, crop) in found {
                    let at = named.and_then(|named| named.get(&composed(&name)));
                    for at in at.into_iter().flatten() {
                        paired[*at].crop = Some(crop);
                    }
                }
                part.fate = Fate::Used(UploadOutcome::Crops);
            }
            Err(problem) => part.fate = Fate::Refused(problem),
        }
    }
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
