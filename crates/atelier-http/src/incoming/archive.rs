//! Archives are unpacked with a close eye: neither what they say of their size nor their names are believed.

use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::disk::{Disk, Full};
use super::folder::UploadFolder;
use crate::Limits;
use crate::answer::Result;
use crate::work::Place;
use fs_err::File;
use zip::ZipArchive;
use zip::result::ZipError;

use super::part::{Fate, Part};
use super::receive::{Received, most_bytes, too_long, too_many};

/// Where readers look for the end of an archive: it and the longest remark behind it, and one byte more.
const END_BYTES: u64 = 22 + 65_536;
const END_MARK: &[u8] = b"PK\x05\x06";
/// How long the end is without its remark.
const END_LENGTH: usize = 22;
/// Stands before the end where another one counts instead, whose numbers are larger.
const LARGE_MARK: &[u8] = b"PK\x06\x07";
/// How far before.
const LARGE_LENGTH: usize = 20;
/// What the list may take for each file; names have at most 65,535 bytes, but not usually.
const LIST_BYTES_PER_FILE: u64 = 1 << 10;

/// What is copied at once.
const COPIED_BYTES: usize = 256 << 10;

/// The same parts, with what archives hold behind each of these.
pub async fn unpack_all(
    (limits, turn): (&Limits, &Place),
    received: Received,
    folder: &UploadFolder,
) -> Result<Vec<Part>> {
    let Received {
        mut parts,
        archives,
    } = received;
    let disk = Disk::new(folder.path().to_owned(), limits.spare_bytes);
    let mut room = Room {
        files: limits.upload_files.saturating_sub(parts.len()),
        bytes: limits.upload_bytes,
        disk,
    };
    // From the last to the first, so that places stay right.
    for at in archives.into_iter().rev() {
        let Some(Part {
            name,
            fate: Fate::Lies(path),
            ..
        }) = parts.get(at)
        else {
            continue;
        };
        let (name, path) = (name.clone(), path.clone());
        let unpacking = Unpacking {
            archive: name,
            target: folder.path().join(format!("{at}-unpacked")),
            limits: *limits,
            folder: folder.clone(),
        };
        let unpack = move || {
            let unpacked = unpacking.unpack(&path, &mut room);
            (unpacked, room)
        };
        let (unpacked, left) = turn.run(unpack).await?;
        room = left;
        match unpacked {
            Ok(inside) => drop(parts.splice(at..=at, inside)),
            Err(Refusal::Archive(reason)) => parts[at].fate = Fate::Refused(reason),
            Err(Refusal::TooMany) => return Err(too_many(limits)),
            Err(Refusal::Full(full)) => return Err(full.into()),
        }
    }
    Ok(parts)
}

/// What the archives of an upload may still take together.
#[derive(Debug)]
struct Room {
    files: usize,
    bytes: u64,
    disk: Disk,
}

/// An archive while its files come out.
struct Unpacking {
    /// What it is called.
    archive: String,
    /// Where its files go.
    target: PathBuf,
    limits: Limits,
    /// Kept until they are out.
    folder: UploadFolder,
}

/// Why nothing of an archive is taken.
enum Refusal {
    Archive(String),
    TooMany,
    Full(Full),
}

impl From<Full> for Refusal {
    fn from(full: Full) -> Self {
        Self::Full(full)
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        // The system's words name files of this machine.
        Self::Archive(format!("it cannot be unpacked: {}", error.kind()))
    }
}

impl Unpacking {
    fn unpack(&self, path: &Path, room: &mut Room) -> Result<Vec<Part>, Refusal> {
        let mut file = File::open(path)?;
        match announced(&mut file)? {
            Announced::Nothing => {
                let reason = "it is no zip archive, or its end is missing";
                return Err(Refusal::Archive(reason.to_owned()));
            }
            Announced::Unknown => {
                let reason = "it is in the form for very large archives (ZIP64)";
                return Err(Refusal::Archive(reason.to_owned()));
            }
            Announced::Files { files, list_bytes } => {
                // Before a list is read that could fill the memory.
                let most = self.limits.upload_files as u64;
                if files > most || list_bytes > LIST_BYTES_PER_FILE * most {
                    return Err(Refusal::TooMany);
                }
            }
        }
        let mut zip = ZipArchive::new(file).map_err(|error| damaged(&error))?;
        if zip.len() > room.files {
            return Err(Refusal::TooMany);
        }
        // An honest archive is refused before it fills the disk; the others are caught later.
        let announced = zip.decompressed_size();
        if announced.is_some_and(|bytes| bytes > u128::from(room.bytes)) {
            return Err(too_much(&self.limits));
        }
        fs_err::create_dir(&self.target)?;
        let mut parts = Vec::new();
        for index in 0..zip.len() {
            if let Some(part) = self.entry(&mut zip, index, room)? {
                room.files = room.files.saturating_sub(1);
                parts.push(part);
            }
        }
        Ok(parts)
    }

    /// One file of an archive; nothing for a folder.
    fn entry(
        &self,
        zip: &mut ZipArchive<File>,
        index: usize,
        room: &mut Room,
    ) -> Result<Option<Part>, Refusal> {
        let part = |name: &str, fate| Ok(Some(Part::new(name, Some(self.archive.clone()), fate)));
        let name = match zip.name_for_index(index) {
            Some(Ok(name)) => name.into_owned(),
            Some(Err(error)) => return part("", Fate::Refused(reason(&error))),
            None => return Ok(None),
        };
        let file = match zip.by_index(index) {
            Ok(file) => file,
            Err(error) => return part(&name, Fate::Refused(reason(&error))),
        };
        if file.is_dir() {
            return Ok(None);
        }
        if Part::new(&name, None, Fate::Ignored("")).is_left_over() {
            return part(&name, Fate::Ignored("systems leave such files behind"));
        }
        if file.is_symlink() {
            return part(&name, Fate::Refused("it is a link".to_owned()));
        }
        let most = most_bytes(&name, false, &self.limits);
        if file.size() > most {
            return part(&name, Fate::Refused(too_long(most)));
        }
        // What it really has may be more than it says.
        let allowed = most.min(room.bytes);
        let to = self.target.join(index.to_string());
        let (copied, damage) = self.copy(file.take(allowed + 1), &to, &mut room.disk)?;
        // Of damaged ones too, which would otherwise be without an end.
        room.bytes = room
            .bytes
            .checked_sub(copied)
            .ok_or_else(|| too_much(&self.limits))?;
        let problem = match damage {
            Some(error) => format!("it is damaged: {}", error.kind()),
            None if copied > most => too_long(most),
            None if copied == 0 => "the file is empty".to_owned(),
            None => return part(&name, Fate::Lies(to)),
        };
        fs_err::remove_file(&to)?;
        part(&name, Fate::Refused(problem))
    }

    /// Copies as long as somebody waits for it; how many bytes, and why no more. What cannot be read is the file's problem, what
    /// cannot be written is ours.
    fn copy(
        &self,
        mut from: impl Read,
        to: &Path,
        disk: &mut Disk,
    ) -> Result<(u64, Option<io::Error>), Refusal> {
        let mut out = File::create(to)?;
        let (mut copied, mut buffer) = (0, vec![0; COPIED_BYTES]);
        loop {
            if self.folder.is_given_up() {
                return Err(io::Error::from(io::ErrorKind::Interrupted).into());
            }
            match from.read(&mut buffer) {
                Ok(0) => return Ok((copied, None)),
                Ok(count) => {
                    disk.take(count as u64)?;
                    out.write_all(&buffer[..count])?;
                    copied += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Ok((copied, Some(error))),
            }
        }
    }
}

/// What an archive says of the list of its files.
enum Announced {
    /// It has no end where that would stand.
    Nothing,
    /// The numbers stand elsewhere, where a small record could say other ones than are read.
    Unknown,
    /// How many there are, and how long their list is.
    Files { files: u64, list_bytes: u64 },
}

fn announced(file: &mut File) -> io::Result<Announced> {
    let length = file.seek(SeekFrom::End(0))?;
    // With what stands before the first end.
    let start = length.saturating_sub(END_BYTES + LARGE_LENGTH as u64);
    file.seek(SeekFrom::Start(start))?;
    let mut end = Vec::new();
    Read::by_ref(file).read_to_end(&mut end)?;
    file.seek(SeekFrom::Start(0))?;
    let marks = end.windows(END_LENGTH).enumerate();
    let marks = marks.filter(|(_, record)| record.starts_with(END_MARK));
    // Whichever of them a reader takes for the end, it has no more than the largest.
    let mut largest = None;
    for (at, record) in marks {
        let before = at.checked_sub(LARGE_LENGTH).and_then(|at| end.get(at..));
        // Two numbers of disks, two of files, and the length and the place of the list.
        let fields = [4..6, 6..8, 8..10, 10..12, 12..16, 16..20];
        let is_elsewhere = |field: Range<usize>| record[field].iter().all(|byte| *byte == 0xff);
        if before.is_some_and(|before| before.starts_with(LARGE_MARK))
            || fields.into_iter().any(is_elsewhere)
        {
            return Ok(Announced::Unknown);
        }
        let number = |field: Range<usize>| {
            let bytes = record[field].iter().rev();
            bytes.fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        };
        let files = number(8..10).max(number(10..12));
        let (files_before, list_before) = largest.unwrap_or((0, 0));
        largest = Some((files.max(files_before), number(12..16).max(list_before)));
    }
    Ok(
        largest.map_or(Announced::Nothing, |(files, list_bytes)| Announced::Files {
            files,
            list_bytes,
        }),
    )
}

fn too_much(limits: &Limits) -> Refusal {
    let most = limits.upload_bytes;
    Refusal::Archive(format!("the archives unpack to more than {most} bytes"))
}

fn damaged(error: &ZipError) -> Refusal {
    Refusal::Archive(reason(error))
}

fn reason(error: &ZipError) -> String {
    match error {
        ZipError::Io(error) => format!("it is damaged: {}", error.kind()),
        ZipError::UnsupportedArchive(problem) => format!("it cannot be unpacked: {problem}"),
        error => format!("it is damaged: {error}"),
    }
}
