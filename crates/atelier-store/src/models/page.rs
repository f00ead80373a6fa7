//! Models in pages.

use rusqlite::named_params;

use super::{Model, SELECT};
use crate::error::Result;
use crate::library::{Ask, DatasetId, Library};

/// Some of the models, in the order of lists.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelPage {
    /// Those of the page.
    pub models: Vec<Model>,
    /// How many there are on all pages.
    pub total: u32,
}

impl Library {
    /// A page of the models outside the trash, or with `is_trash` of those in it, newest first; with a dataset only those
    /// whose runs trained on it.
    pub fn page_of_models(
        &self,
        is_trash: bool,
        dataset: Option<DatasetId>,
        (offset, limit): (u32, u32),
    ) -> Result<ModelPage> {
        let no = if is_trash { "NOT " } else { "" };
        let condition =
            format!("m.trashed_ms IS {no}NULL AND (:dataset IS NULL OR r.dataset = :dataset)");
        let count = format!(
            "SELECT count(*) FROM model m LEFT JOIN run r ON r.id = m.run WHERE {condition}"
        );
        let query = format!(
            "{SELECT} WHERE {condition} ORDER BY m.number DESC LIMIT :limit OFFSET :offset"
        );
        self.read(|view| {
            let mut statement = view.prepare_cached(&query)?;
            let params = named_params! {":dataset": dataset, ":limit": limit, ":offset": offset};
            let rows = statement.query_map(params, Model::from_row)?;
            let dataset = named_params! {":dataset": dataset};
            Ok(ModelPage {
                models: rows.collect::<rusqlite::Result<_>>()?,
                total: view.ask(&count, dataset, |row| row.get(0))?,
            })
        })
    }
}
