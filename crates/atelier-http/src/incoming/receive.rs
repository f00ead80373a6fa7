//! From the network to the disk, without more of it in memory than what is on the way.

use std::error::Error as _;
use std::path::PathBuf;

use super::disk::Disk;
use super::folder::UploadFolder;
use super::metered::Progress;
use crate::Limits;
use crate::answer::{Failure, Result};
use atelier_core::ErrorCode;
use atelier_data::CROPS_MAX_BYTES;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use serde_json::json;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use tokio::task::spawn_blocking;

use super::body::{is_timeout, too_slow, unreadable};
use super::part::{Fate, Part};

/// How the content of an archive begins: with its first file, or where it has none with its end.
const ARCHIVE: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];
/// Bytes by which archives are known.
const HEAD: usize = 4;

/// What the names of files may take with their folders, for each file that is accepted.
const NAME_BYTES_PER_FILE: usize = 1 << 10;

/// Everything that came in, and which of it are archives.
#[derive(Debug, Default)]
pub struct Received {
    /// Every file, in their order.
    pub parts: Vec<Part>,
    /// The places of archives among the parts.
    pub archives: Vec<usize>,
}

/// Writes every file to the folder, under a number.
pub async fn receive(
    limits: &Limits,
    (mut from, progress): (Multipart, Progress),
    folder: &UploadFolder,
) -> Result<Received> {
    let mut meter = Meter {
        total: 0,
        name_bytes: 0,
        disk: Disk::new(folder.path().to_owned(), limits.spare_bytes),
        progress,
        limits,
    };
    let mut received = Received::default();
    while let Some(field) = from.next_field().await.map_err(broken)? {
        // Names stay in the memory, other than contents.
        let names = [field.file_name(), field.name()];
        let name_bytes = names.into_iter().flatten().map(str::len).sum();
        meter.count_names(name_bytes)?;
        let at = received.parts.len();
        if at == limits.upload_files {
            return Err(too_many(limits));
        }
        let Some(name) = field.file_name().map(str::to_owned) else {
            let name = field.name().unwrap_or_default().to_owned();
            let fate = Fate::Ignored("it has no file name");
            received.parts.push(Part::new(&name, None, fate));
            drain(field, &mut meter).await?;
            continue;
        };
        let path = folder.path().join(at.to_string());
        let file = create(folder, path.clone()).await?;
        let written = write(field, file, &mut meter).await?;
        let is_archive = written.is_archive;
        let fate = match most_bytes(&name, is_archive, limits) {
            most if written.size_bytes > most => Fate::Refused(too_long(most)),
            _ if written.size_bytes == 0 => Fate::Refused("the file is empty".to_owned()),
            _ => Fate::Lies(path),
        };
        if is_archive && matches!(fate, Fate::Lies(_)) {
            received.archives.push(at);
        }
        received.parts.push(Part::new(&name, None, fate));
    }
    Ok(received)
}

/// What a file may have, by what it is.
pub fn most_bytes(name: &str, is_archive: bool, limits: &Limits) -> u64 {
    use super::part::Kind;
    match Part::new(name, None, Fate::Ignored("")).kind() {
        _ if is_archive => limits.upload_bytes,
        Kind::Caption => limits.caption_bytes,
        Kind::Crops => CROPS_MAX_BYTES.min(limits.picture_bytes),
        Kind::Picture => limits.picture_bytes,
    }
}

/// Why a file is refused that is longer than such files may be.
pub fn too_long(most_bytes: u64) -> String {
    format!("it has more than {most_bytes} bytes")
}

struct Written {
    size_bytes: u64,
    is_archive: bool,
}

/// Makes a file in the folder, which is kept until that is done.
async fn create(folder: &UploadFolder, path: PathBuf) -> Result<File> {
    let folder = folder.clone();
    let created = spawn_blocking(move || {
        let file = std::fs::File::create_new(path);
        drop(folder);
        file
    });
    let created = created.await.map_err(Failure::internal)?;
    Ok(File::from_std(created.map_err(Failure::io)?))
}

async fn write(mut field: Field<'_>, mut file: File, meter: &mut Meter<'_>) -> Result<Written> {
    let (mut size_bytes, mut head) = (0, Vec::with_capacity(HEAD));
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        meter.count(chunk.len())?;
        let missing = HEAD - head.len();
        head.extend_from_slice(&chunk[..missing.min(chunk.len())]);
        size_bytes += chunk.len() as u64;
        // What is too large anyway need not lie on the disk.
        if is_archive(&head) || size_bytes <= meter.limits.picture_bytes {
            file.write_all(&chunk).await.map_err(Failure::io)?;
        }
    }
    file.flush().await.map_err(Failure::io)?;
    Ok(Written {
        size_bytes,
        is_archive: is_archive(&head),
    })
}

fn is_archive(head: &[u8]) -> bool {
    ARCHIVE.contains(&head)
}

async fn drain(mut field: Field<'_>, meter: &mut Meter<'_>) -> Result<()> {
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        meter.count(chunk.len())?;
    }
    Ok(())
}

/// How much came in.
struct Meter<'a> {
    total: u64,
    name_bytes: usize,
    disk: Disk,
    progress: Progress,
    limits: &'a Limits,
}

impl Meter<'_> {
    fn count_names(&mut self, bytes: usize) -> Result<()> {
        self.count(bytes)?;
        self.name_bytes += bytes;
        let most = NAME_BYTES_PER_FILE * self.limits.upload_files;
        if self.name_bytes <= most {
            return Ok(());
        }
        let message = format!("the names of the upload's files have more than {most} bytes");
        let failure = Failure::new(ErrorCode::TooLarge, message);
        Err(failure.with_details(json!({"most_bytes": most})))
    }

    fn count(&mut self, bytes: usize) -> Result<()> {
        self.progress.made();
        self.total += bytes as u64;
        let most = self.limits.upload_bytes;
        if self.total <= most {
            return Ok(self.disk.take(bytes as u64)?);
        }
        let message = format!("the upload has more than {most} bytes");
        let failure = Failure::new(ErrorCode::TooLarge, message);
        Err(failure.with_details(json!({"most_bytes": most})))
    }
}

/// More files than are accepted.
pub fn too_many(limits: &Limits) -> Failure {
    let most = limits.upload_files;
    let message = format!("the upload has more than {most} files");
    Failure::new(ErrorCode::TooLarge, message).with_details(json!({"most_files": most}))
}

/// What is told of a form that cannot be read.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it takes the place of a closure in `map_err`"
)]
pub fn broken(error: MultipartError) -> Failure {
    if is_timeout(&error) {
        return too_slow();
    }
    // The innermost reason says most.
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let cause = causes.last().map(ToString::to_string);
    unreadable(&cause.unwrap_or_else(|| error.body_text()))
}
