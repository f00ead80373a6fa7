//! Pictures that were drawn: the library's history of drawing.

use atelier_core::Seed;
use rusqlite::{OptionalExtension as _, Row, Transaction, named_params, params};
use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::jobs::unreadable;
use crate::library::{Ask, JobId, Library, ModelId, PictureId, check_own};

/// A drawn picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Picture {
    /// Its id.
    pub id: PictureId,
    /// The job that drew it, unless that was removed.
    pub job: Option<JobId>,
    /// Its place among the pictures of the job, from 0.
    pub position: u32,
    /// SHA-256 of its file.
    pub hash: String,
    /// The file's length.
    pub size_bytes: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The seed that it was drawn from.
    pub seed: Seed,
    /// What it was drawn from, as its file says too.
    pub recipe: Value,
    /// When it came into the library, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// When it was put into the trash.
    pub trashed_ms: Option<i64>,
    /// The name of the account that it belongs to; nothing for what the user of the machine made.
    #[serde(skip)]
    pub owner: Option<String>,
    /// Whether every account sees it.
    #[serde(skip)]
    pub is_shared: bool,
}

/// A picture that is about to come into the library; its file is among the library's already.
#[derive(Debug, Clone, PartialEq)]
pub struct NewPicture {
    /// SHA-256 of its file.
    pub hash: String,
    /// The file's length.
    pub size_bytes: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The seed that it was drawn from.
    pub seed: Seed,
    /// What it was drawn from.
    pub recipe: Value,
}

/// Some of the pictures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PicturePage {
    /// Those of the page.
    pub pictures: Vec<Picture>,
    /// How many there are on all pages.
    pub total: u32,
}

const SELECT: &str = "
SELECT p.*, b.size_bytes, b.width, b.height, (SELECT a.name FROM account a WHERE a.id = p.owner) AS owner_name
FROM picture p JOIN blob b ON b.hash = p.blob";

impl Library {
    /// A page of the pictures outside the trash, or with `is_trash` of those in it: the newest job first, and those of a job
    /// in their order.
    pub fn page_of_pictures(
        &self,
        is_trash: bool,
        (offset, limit): (u32, u32),
    ) -> Result<PicturePage> {
        let condition = format!("trashed_ms IS {}NULL", if is_trash { "NOT " } else { "" });
        let count = format!("SELECT count(*) FROM picture WHERE {condition}");
        let query = format!(
            "{SELECT} WHERE p.{condition} ORDER BY p.created_ms DESC, p.job DESC, p.position \
             LIMIT {limit} OFFSET {offset}"
        );
        self.read(|view| {
            Ok(PicturePage {
                pictures: rows(view, &query, [])?,
                total: view.ask(&count, [], |row| row.get(0))?,
            })
        })
    }

    /// The same of the pictures that a model took part in, or with a job of those among them that it drew.
    pub fn page_of_pictures_with(
        &self,
        (model, job): (ModelId, Option<JobId>),
        is_trash: bool,
        (offset, limit): (u32, u32),
    ) -> Result<PicturePage> {
        let condition = "u.model = ?1 AND u.is_trashed = ?2 AND (?3 IS NULL OR u.job = ?3)";
        let count = format!("SELECT count(*) FROM picture_model u WHERE {condition}");
        // The page first, so that what is passed over is not read but for its place.
        let page = format!(
            "SELECT u.picture, u.created_ms, u.job, u.position FROM picture_model u WHERE {condition} \
             ORDER BY u.created_ms DESC, u.job DESC, u.position LIMIT {limit} OFFSET {offset}"
        );
        let query = format!(
            "SELECT p.*, b.size_bytes, b.width, b.height, \
               (SELECT a.name FROM account a WHERE a.id = p.owner) AS owner_name \
             FROM ({page}) w CROSS JOIN picture p ON p.id = w.picture CROSS JOIN blob b ON b.hash = p.blob \
             ORDER BY w.created_ms DESC, w.job DESC, w.position"
        );
        self.read(|view| {
            Ok(PicturePage {
                pictures: rows(view, &query, params![model, is_trash, job])?,
                total: view.ask(&count, params![model, is_trash, job], |row| row.get(0))?,
            })
        })
    }

    /// The pictures that a job drew, in order, those in the trash too.
    pub fn list_pictures_of(&self, job: JobId) -> Result<Vec<Picture>> {
        self.read(|view| of_job(view, job))
    }

    /// The picture with this id, also in the trash.
    pub fn get_picture(&self, id: PictureId) -> Result<Picture> {
        self.read(|view| get(view, id))
    }

    /// Puts a picture into the trash, from where it can be taken back until it is emptied.
    pub fn delete_picture(&self, id: PictureId) -> Result<Picture> {
        let now_ms = self.now_ms();
        self.write(move |change| {
            let picture = get_own(change, id)?;
            if picture.trashed_ms.is_some() {
                let (what, name) = ("picture", id.to_string());
                return Err(Error::Trashed { what, name });
            }
            let trash = "UPDATE main.picture SET trashed_ms = ? WHERE id = ?";
            change.execute(trash, params![now_ms, id])?;
            get(change, id)
        })
    }

    /// Takes a picture back from the trash.
    pub fn restore_picture(&self, id: PictureId) -> Result<Picture> {
        self.write(move |change| {
            get_own(change, id)?;
            change.execute(
                "UPDATE main.picture SET trashed_ms = NULL WHERE id = ?",
                [id],
            )?;
            get(change, id)
        })
    }
}

impl Picture {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let recipe: String = row.get("recipe")?;
        let seed: i64 = row.get("seed")?;
        Ok(Self {
            id: row.get("id")?,
            job: row.get("job")?,
            position: row.get("position")?,
            hash: row.get("blob")?,
            size_bytes: row.get("size_bytes")?,
            width: row.get::<_, Option<_>>("width")?.unwrap_or(0),
            height: row.get::<_, Option<_>>("height")?.unwrap_or(0),
            seed: Seed(seed.cast_unsigned()),
            recipe: serde_json::from_str(&recipe).map_err(unreadable)?,
            created_ms: row.get("created_ms")?,
            trashed_ms: row.get("trashed_ms")?,
            owner: row.get("owner_name")?,
            is_shared: row.get("shared")?,
        })
    }
}

/// Takes note of a picture of a job, at its place.
pub(crate) fn insert(
    change: &Transaction<'_>,
    new: &NewPicture,
    (job, position): (JobId, u32),
    now_ms: i64,
) -> Result<()> {
    change.execute(
        "INSERT INTO blob (hash, size_bytes, width, height) VALUES (?, ?, ?, ?) \
         ON CONFLICT DO UPDATE SET width = excluded.width, height = excluded.height",
        params![new.hash, new.size_bytes, new.width, new.height],
    )?;
    let id = PictureId::new();
    change.execute(
        "INSERT INTO main.picture (id, job, position, blob, seed, recipe, created_ms, owner) \
         VALUES (:id, :job, :position, :blob, :seed, :recipe, :now_ms, (SELECT owner FROM job WHERE id = :job))",
        named_params! {
            ":id": id, ":job": job, ":position": position, ":blob": new.hash,
            ":seed": new.seed.0.cast_signed(), ":recipe": new.recipe.to_string(), ":now_ms": now_ms,
        },
    )?;
    // Those that were asked for, and those that the prompt named, whose files the recipe knows.
    change.execute(
        "INSERT INTO main.picture_model (model, is_trashed, created_ms, job, position, picture) \
         SELECT m.id, 0, ?2, ?3, ?4, ?1 FROM job j JOIN json_each(j.request, '$.models') used \
           JOIN model m ON m.id = json_extract(used.value, '$.model') WHERE j.id = ?3 \
         UNION SELECT m.id, 0, ?2, ?3, ?4, ?1 FROM json_each(?5, '$.adapters') used \
           JOIN model m ON m.blob = json_extract(used.value, '$.sha256')",
        params![id, now_ms, job, position, new.recipe.to_string()],
    )?;
    Ok(())
}

/// The pictures of a job, in order.
pub(crate) fn of_job(view: &Transaction<'_>, job: JobId) -> Result<Vec<Picture>> {
    let query = format!("{SELECT} WHERE p.job = ? ORDER BY p.position");
    rows(view, &query, [job])
}

fn rows(
    view: &Transaction<'_>,
    query: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<Picture>> {
    let mut statement = view.prepare_cached(query)?;
    let rows = statement.query_map(params, Picture::from_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(crate) fn get(view: &Transaction<'_>, id: PictureId) -> Result<Picture> {
    let query = format!("{SELECT} WHERE p.id = ?");
    let found = view.ask(&query, [id], Picture::from_row).optional()?;
    found.ok_or_else(|| Error::not_found("picture", id))
}

/// The same, which whoever asks may change.
pub(crate) fn get_own(view: &Transaction<'_>, id: PictureId) -> Result<Picture> {
    let picture = get(view, id)?;
    check_own(view, ("picture", "picture"), &id, &id.to_string())?;
    Ok(picture)
}
