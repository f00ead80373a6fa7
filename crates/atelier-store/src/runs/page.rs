//! Runs in pages.

use rusqlite::named_params;

use super::{Run, SELECT};
use crate::error::Result;
use crate::library::{Ask, DatasetId, Library};

/// Some of the runs, in the order of lists.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPage {
    /// Those of the page.
    pub runs: Vec<Run>,
    /// How many there are on all pages.
    pub total: u32,
}

impl Library {
    /// A page of the runs outside the trash, or with `is_trash` of those in it, newest first; with a dataset only those that
    /// trained on it.
    pub fn page_of_runs(
        &self,
        is_trash: bool,
        dataset: Option<DatasetId>,
        (offset, limit): (u32, u32),
    ) -> Result<RunPage> {
        let no = if is_trash { "NOT " } else { "" };
        let condition =
            format!("trashed_ms IS {no}NULL AND (:dataset IS NULL OR dataset = :dataset)");
        let count = format!("SELECT count(*) FROM run WHERE {condition}");
        let query = format!(
            "{SELECT} WHERE {condition} ORDER BY r.created_ms DESC, r.id DESC LIMIT :limit OFFSET :offset"
        );
        let mut page = self.read(|view| {
            let mut statement = view.prepare_cached(&query)?;
            let params = named_params! {":dataset": dataset, ":limit": limit, ":offset": offset};
            let rows = statement.query_map(params, Run::from_row)?;
            let dataset = named_params! {":dataset": dataset};
            Ok(RunPage {
                runs: rows.collect::<rusqlite::Result<_>>()?,
                total: view.ask(&count, dataset, |row| row.get(0))?,
            })
        })?;
        let runs = page.runs.into_iter();
        page.runs = runs.map(|run| self.as_it_is(run)).collect();
        Ok(page)
    }
}
