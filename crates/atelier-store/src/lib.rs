//! What the program keeps on the disk between its commands: the library, bases, the hashes of weights, packed weights.
//! `docs/reference/on-disk.md` describes the files. Where things lie is said by who calls.
//! SQL stands here and nowhere else.

mod about;
mod backup;
pub mod bases_folder;
mod blobs;
mod check;
mod datasets;
mod error;
mod hashes;
mod jobs;
mod leftovers;
mod library;
mod lock;
mod models;
mod packed;
mod pictures;
mod private;
mod runs;
mod start_pictures;
mod thumbnails;
mod trash;

pub use about::{About, AboutChange};
pub use backup::BackedUp;
pub use blobs::{BlobReader, Blobs, Hold, Swept};
pub use check::{Checked, check};
pub use datasets::{
    Addition, AdditionOutcome, CaptionEdit, Dataset, DatasetPage, Difference, Edit, Edits,
    Exported, FolderContent, FolderFile, Image, ImageChange, Imported, MAX_CAPTION_CHARS,
    MAX_CHANGES, NewImage, Version, VersionAbout, VersionPage,
};
pub use error::Error;
pub use jobs::{Attempt, Job, JobPage, Lost, NewJob};
pub use library::{
    CATALOGUE, DatasetId, ImageId, JobId, Library, ModelId, PictureId, RunId, StartPictureId,
    composed,
};
pub use models::{
    BaseLookup, Lineage, Model, ModelCall, ModelChange, ModelPage, NewModel, PromisedModel, Proof,
    Verdict, adapter_about,
};
pub use pictures::{NewPicture, Picture, PicturePage};
pub use runs::{Checkpoint, Losses, NewRun, Run, RunEnd, RunPage, Sitting};
pub use start_pictures::{JobStart, StartPicture};
pub use thumbnails::thumbnails_folder;
pub use trash::{Emptied, TRASH_DAYS};

pub use hashes::KeptHashes;
pub use packed::{KeptPacked, PackedContents, PackedRoom};
