//! Pictures that drawings can start from, and masks of them. They stay as long as a drawing is there that started from them, so
//! that it can be asked for again, and otherwise for a while.

use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use serde::Serialize;

use crate::blobs::Hold;
use crate::datasets::NewImage;
use crate::error::{Error, Result};
use crate::library::{Ask, DatasetId, ImageId, JobId, Library, PictureId, StartPictureId};
use crate::{datasets, pictures};

/// How long a start picture waits for a drawing, in milliseconds.
const WAITS_MS: i64 = 24 * 60 * 60 * 1000;
/// Longest name.
const NAME_CHARS: usize = 120;
/// What it is called whose name has nothing that can be kept.
const NAMELESS: &str = "picture";

/// A picture that drawings can start from, or a mask of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StartPicture {
    /// Its id.
    pub id: StartPictureId,
    /// What its file was called, for people.
    pub name: String,
    /// SHA-256 of its file.
    pub hash: String,
    /// The file's length.
    pub size_bytes: u64,
    /// Width of the upright picture in pixels.
    pub width: u32,
    /// Height of the upright picture in pixels.
    pub height: u32,
    /// When it came into the library, in milliseconds since the Unix epoch.
    pub created_ms: i64,
}

/// What a drawing starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobStart {
    /// The picture.
    pub picture: StartPictureId,
    /// The picture that says where something new is drawn.
    pub mask: Option<StartPictureId>,
}

impl StartPicture {
    /// When it may go, unless a drawing started from it; in milliseconds since the Unix epoch.
    pub fn expires_ms(&self) -> i64 {
        self.created_ms + WAITS_MS
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            name: row.get("name")?,
            hash: row.get("blob")?,
            size_bytes: row.get("size_bytes")?,
            width: row.get::<_, Option<_>>("width")?.unwrap_or(0),
            height: row.get::<_, Option<_>>("height")?.unwrap_or(0),
            created_ms: row.get("created_ms")?,
        })
    }
}

impl Library {
    /// Makes a start picture of a file that the library keeps, under this name without folders. Hold the lock until then.
    pub fn create_start_picture(
        &self,
        _hold: &Hold,
        name: &str,
        image: NewImage,
    ) -> Result<StartPicture> {
        let (name, now_ms) = (plain_name(name), self.now_ms());
        self.write(move |change| {
            change.execute(
                "INSERT INTO blob (hash, size_bytes, width, height) VALUES (?, ?, ?, ?) \
                 ON CONFLICT DO UPDATE SET width = excluded.width, height = excluded.height",
                params![image.blob, image.size_bytes, image.width, image.height],
            )?;
            insert(change, &name, &image.blob, now_ms)
        })
    }

    /// Makes one of a drawn picture, which may go then.
    ///
    /// # Errors
    /// When there is no such picture, or it is in the trash.
    pub fn start_from_picture(&self, id: PictureId) -> Result<StartPicture> {
        let now_ms = self.now_ms();
        self.write(move |change| {
            let picture = pictures::get(change, id)?;
            if picture.trashed_ms.is_some() {
                let (what, name) = ("picture", id.to_string());
                return Err(Error::Trashed { what, name });
            }
            let name = format!("drawn-{}.png", picture.seed);
            insert(change, &name, &picture.hash, now_ms)
        })
    }

    /// Makes one of an image of a dataset, which may go then.
    ///
    /// # Errors
    /// When there is no such dataset or image, or the dataset is in the trash.
    pub fn start_from_image(&self, dataset: DatasetId, image: ImageId) -> Result<StartPicture> {
        let now_ms = self.now_ms();
        self.write(move |change| {
            datasets::get_to_use(change, dataset)?;
            let newest = "SELECT file_name, blob FROM image WHERE dataset = ? AND image = ? ORDER BY id DESC LIMIT 1";
            let found = change.ask(newest, params![dataset, image], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            });
            let found = found.optional()?;
            let (name, blob) = found.ok_or_else(|| Error::not_found("image", image))?;
            insert(change, &plain_name(&name), &blob, now_ms)
        })
    }

    /// The start picture with this id.
    pub fn get_start_picture(&self, id: StartPictureId) -> Result<StartPicture> {
        self.read(|view| get(view, id))
    }
}

/// Takes note of what a job draws over.
pub(crate) fn note(change: &Transaction<'_>, job: JobId, start: JobStart) -> Result<()> {
    let parts = [("picture", Some(start.picture)), ("mask", start.mask)];
    for (part, id) in parts {
        if let Some(id) = id {
            get(change, id)?;
            let note = "INSERT INTO main.job_start (job, part, start_picture) VALUES (?, ?, ?)";
            change.execute(note, params![job, part, id])?;
        }
    }
    Ok(())
}

/// Forgets what jobs started from that ended before and whose pictures are gone for good, and removes what nothing starts from
/// and has waited for long enough.
pub(crate) fn sweep(change: &Transaction<'_>, before_ms: i64, now_ms: i64) -> Result<usize> {
    change.execute(
        "DELETE FROM job_start WHERE NOT EXISTS (SELECT 1 FROM picture p WHERE p.job = job_start.job) AND EXISTS \
           (SELECT 1 FROM job j WHERE j.id = job_start.job AND j.ended_ms <= ? \
             AND j.state NOT IN ('queued', 'running', 'paused'))",
        [before_ms],
    )?;
    let gone = "DELETE FROM start_picture WHERE created_ms <= ? AND id NOT IN (SELECT start_picture FROM job_start)";
    Ok(change.execute(gone, [now_ms - WAITS_MS])?)
}

fn insert(change: &Transaction<'_>, name: &str, blob: &str, now_ms: i64) -> Result<StartPicture> {
    let id = StartPictureId::new();
    let insert = "INSERT INTO main.start_picture (id, name, blob, created_ms, owner) VALUES (?, ?, ?, ?, viewer())";
    change.execute(insert, params![id, name, blob, now_ms])?;
    get(change, id)
}

fn get(view: &Transaction<'_>, id: StartPictureId) -> Result<StartPicture> {
    let query = "SELECT s.*, b.size_bytes, b.width, b.height FROM start_picture s \
                 JOIN blob b ON b.hash = s.blob WHERE s.id = ?";
    let found = view.ask(query, [id], StartPicture::from_row).optional()?;
    found.ok_or_else(|| Error::not_found("start picture", id))
}

/// A name that can be shown, and stand in a recipe: without folders and control characters.
fn plain_name(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name
        .chars()
        .filter(|c| !c.is_control())
        .take(NAME_CHARS)
        .collect();
    match name.trim() {
        "" | "." | ".." => NAMELESS.to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_folders_and_nothing_that_terminals_obey() {
        assert_eq!(plain_name("C:\\me\\beach.png"), "beach.png");
        assert_eq!(plain_name("/home/me/be\u{7}ach.png"), "beach.png");
        assert_eq!(plain_name(" \n"), NAMELESS);
        assert_eq!(plain_name("a/.."), NAMELESS);
        assert_eq!(plain_name(&"é".repeat(500)).chars().count(), NAME_CHARS);
    }
}
