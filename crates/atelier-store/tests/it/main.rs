//! The library as its callers use it, in folders of its own.

#![allow(clippy::unwrap_used, reason = "a failed fixture is a failed test")]

mod accounts;
mod additions;
mod backup;
mod catalogue;
mod check;
mod datasets;
mod door_mappings;
mod drawings;
mod folders;
mod jobs;
mod pages;
mod promised;
mod runs;
mod trash;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use atelier_core::{CancelFlag, Category, Clock};
use atelier_data::{RgbPicture, png};
use atelier_store::{About, Dataset, Edit, Library, Version};

/// A clock that is set by hand.
#[derive(Debug, Default)]
struct SetClock(AtomicI64);

impl SetClock {
    fn forward(&self, days: i64) {
        self.forward_secs(days * 24 * 60 * 60);
    }

    fn forward_secs(&self, secs: i64) {
        self.0.fetch_add(secs, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn unix_secs(&self) -> f64 {
        1.7e9 + self.0.load(Ordering::SeqCst) as f64
    }
}

/// A library of its own, which goes with it.
struct Studio {
    folder: tempfile::TempDir,
    clock: Arc<SetClock>,
    library: Library,
}

impl Studio {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SetClock::default());
        let library = Library::open(&folder.path().join("home"), clock.clone()).unwrap();
        Self {
            folder,
            clock,
            library,
        }
    }

    /// The same library, opened once more as another process does it.
    fn again(&self) -> Library {
        Library::open(&self.path("home"), self.clock.clone()).unwrap()
    }

    fn check(&self) -> atelier_store::Checked {
        atelier_store::check(&self.path("home"), &CancelFlag::default()).unwrap()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn dataset(&self, name: &str) -> Dataset {
        self.library.create_dataset(about(name)).unwrap()
    }

    /// Adds pictures of these shades of grey, called after them.
    fn add(&self, dataset: &Dataset, shades: &[u8]) -> Version {
        let hold = self.library.blobs().hold().unwrap();
        let edits = shades.iter().map(|&shade| {
            let image = self.library.keep_image(&hold, "a.png", &picture(shade));
            Edit::Add {
                image: image.unwrap(),
                file_name: format!("grey-{shade}.png"),
                caption: format!("grey {shade}"),
                crop: None,
            }
        });
        let edits = edits.collect();
        self.library.edit_dataset(dataset.id, None, edits).unwrap()
    }
}

fn about(name: &str) -> About {
    About {
        name: name.to_owned(),
        description: "Faces of a blob.\nAll by hand.".to_owned(),
        category: Category::Style,
        trigger_word: "BlobCharV1".to_owned(),
    }
}

/// The bytes of a picture of 40×24 pixels.
fn picture(shade: u8) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    write_picture(&path, shade);
    fs_err::read(path).unwrap()
}

fn write_picture(path: &Path, shade: u8) {
    let no_texts: [(&str, &str); 0] = [];
    png::replace(path, &RgbPicture::filled(40, 24, [shade; 3]), &no_texts).unwrap();
}
