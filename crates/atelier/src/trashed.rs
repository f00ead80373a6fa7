//! Things in the trash by name or id, where several may have had the same name.

use std::fmt::Display;

use anyhow::Result;
use atelier_core::ErrorCode;
use atelier_failure::failed;

/// The one thing in the trash that a word names; `names` gives the id and the name of each.
pub(crate) fn one_of<'t, T>(
    what: &str,
    trashed: &'t [T],
    names: impl Fn(&T) -> (String, String),
    wanted: &str,
) -> Result<&'t T> {
    let lower = wanted.trim().to_lowercase();
    let is_wanted = |thing: &&T| {
        let (id, name) = names(thing);
        id.to_lowercase() == lower || name.to_lowercase() == lower
    };
    let mut found = trashed.iter().filter(is_wanted);
    if let (Some(thing), None) = (found.next(), found.next()) {
        return Ok(thing);
    }
    let count = trashed.iter().filter(is_wanted).count();
    let message = if count > 1 {
        format!("{count} {what}s in the trash are called `{wanted}`; give the id of one")
    } else {
        format!("no {what} `{wanted}` is in the trash; `{what} list --trashed` shows what is")
    };
    Err(failed(ErrorCode::NotFound, message))
}

/// What is said of a thing that is back, whose name may be another one's by now.
pub(crate) fn is_back(what: &str, before: &str, name: &str) -> String {
    if before == name {
        format!("took {what} `{name}` back from the trash")
    } else {
        format!(
            "took {what} `{before}` back from the trash as `{name}`, since another one has its name"
        )
    }
}

/// What a list says behind a thing in the trash, where several may have one name.
pub(crate) fn id_in_trash(trashed: bool, id: &impl Display) -> String {
    if trashed {
        format!(", id {id}")
    } else {
        String::new()
    }
}
