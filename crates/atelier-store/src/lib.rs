//! What the program keeps on the disk between its commands: the library, bases, the hashes of weights, packed weights.
//! `docs/reference/on-disk.md` describes the files. Where things lie is said by who calls.
//! SQL stands here and nowhere else.

mod about;
mod accounts;
mod backup;
pub mod bases_folder;
mod blobs;
mod check;
mod datasets;
mod door_mappings;
mod error;
mod jobs;
mod leftovers;
mod library;
mod lock;
mod models;
mod path_text;
mod pictures;
mod runs;
mod start_pictures;
mod trash;
mod unnamed;

pub use about::{About, AboutChange};
pub use accounts::{
    Account, AccountChange, ApiToken, Audit, AuditPage, NewAudit, NewToken, Session, login_key,
};
pub use atelier_weights::private::create_dir_all as create_private_folder;
pub use backup::BackedUp;
pub use blobs::{BlobReader, Blobs, Hold, Swept};
pub use check::{Checked, check};
pub use datasets::{
    Addition, AdditionOutcome, CaptionEdit, Dataset, DatasetPage, Difference, Edit, Edits,
    Exported, FolderContent, FolderFile, Image, ImageChange, Imported, MAX_CAPTION_CHARS,
    MAX_CHANGES, NewImage, Version, VersionAbout, VersionPage,
};
pub use door_mappings::DoorMapping;
pub use error::Error;
pub use jobs::{Attempt, Job, JobPage, Lost, NewJob};
pub use library::{
    AccountId, CATALOGUE, DatasetId, ImageId, JobId, Library, ModelId, PictureId, RunId,
    StartPictureId, TokenId, Viewer, composed,
};
pub use models::{
    BaseLookup, Lineage, Model, ModelCall, ModelChange, ModelPage, NewModel, PromisedModel, Proof,
    Verdict, adapter_about,
};
pub use pictures::{NewPicture, Picture, PicturePage};
pub use runs::{
    Checkpoint, EpochPreviews, Losses, NewRun, Preview, Run, RunEnd, RunPage, Sitting, Spent,
};
pub use start_pictures::{JobStart, StartPicture};
pub use trash::{Emptied, TRASH_DAYS};
