//! What a version is as a folder, which trainings read, here and in other programs.

use std::path::Path;

use atelier_data::{CROPS_FILE, crops_json};

use super::version::Version;

/// A file of such a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderFile {
    /// Its name, which can stand in any folder and is there once.
    pub name: String,
    /// What is in it.
    pub content: FolderContent,
}

/// What is in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderContent {
    /// The library's file with this hash.
    Blob(String),
    /// A text.
    Text(String),
}

impl Version {
    /// The files of its folder: pictures, their captions, and crops where there are any.
    pub fn folder_files(&self) -> Vec<FolderFile> {
        let mut files = Vec::with_capacity(2 * self.images.len() + 1);
        for image in &self.images {
            let caption = Path::new(&image.file_name).with_extension("txt");
            files.push(FolderFile {
                name: image.file_name.clone(),
                content: FolderContent::Blob(image.blob.clone()),
            });
            files.push(FolderFile {
                name: caption.to_string_lossy().into_owned(),
                content: FolderContent::Text(format!("{}\n", image.caption)),
            });
        }
        let crops = self.images.iter();
        let crops = crops.filter_map(|image| Some((image.file_name.clone(), image.crop?)));
        let crops: Vec<_> = crops.collect();
        if !crops.is_empty() {
            files.push(FolderFile {
                name: CROPS_FILE.to_owned(),
                content: FolderContent::Text(crops_json(crops)),
            });
        }
        files
    }
}
