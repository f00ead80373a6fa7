//! Since when files and folders are there that the catalogue does not name. They may be of a catalogue that was lost, in whose place
//! an earlier one was put back from a backup: so each waits from where it was first seen, however old it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use atelier_weights::atomic;

use crate::error::Result;

/// The file below the library's folder.
const FILE: &str = "unnamed.json";

/// What is looked at in one turn.
#[derive(Debug)]
pub(crate) struct Unnamed {
    path: PathBuf,
    /// When each was first seen, in milliseconds since the Unix epoch.
    before: BTreeMap<String, i64>,
    /// The same of those that stay.
    still: BTreeMap<String, i64>,
    now_ms: i64,
    age_ms: i64,
}

impl Unnamed {
    /// Goes on from what was seen before; a file that cannot be read says nothing.
    pub(crate) fn open(home: &Path, now_ms: i64, age_ms: i64) -> Self {
        let path = home.join(FILE);
        let text = fs_err::read(&path).unwrap_or_default();
        Self {
            path,
            before: serde_json::from_slice(&text).unwrap_or_default(),
            still: BTreeMap::new(),
            now_ms,
            age_ms,
        }
    }

    /// Whether something without a name in the catalogue has been seen for long enough.
    pub(crate) fn goes(&mut self, name: &str) -> bool {
        let since = self.before.get(name).copied().unwrap_or(self.now_ms);
        let goes = self.now_ms - since >= self.age_ms;
        if !goes {
            self.still.insert(name.to_owned(), since);
        }
        goes
    }

    /// Takes note of those that stay. Where not all could be looked at, what was seen before holds for the others.
    pub(crate) fn keep(mut self, is_whole: bool) -> Result<()> {
        if !is_whole {
            for (name, since) in &self.before {
                self.still.entry(name.clone()).or_insert(*since);
            }
        }
        if self.still == self.before {
            return Ok(());
        }
        let text = serde_json::to_vec(&self.still).map_err(std::io::Error::other)?;
        Ok(atomic::write_file(&self.path, |to| to.write_all(&text))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_waits_from_where_it_was_first_seen() {
        let home = tempfile::tempdir().unwrap();
        let turn = |now_ms, names: &[&str], is_whole| {
            let mut unnamed = Unnamed::open(home.path(), now_ms, 10);
            let went: Vec<_> = names.iter().map(|name| unnamed.goes(name)).collect();
            unnamed.keep(is_whole).unwrap();
            went
        };
        assert_eq!(turn(0, &["a"], true), [false]);
        assert_eq!(turn(9, &["a", "b"], true), [false, false]);
        assert_eq!(turn(10, &["b"], false), [false], "nobody looked at `a`");
        assert_eq!(turn(10, &["a", "b"], true), [true, false]);
        // One that got a name meanwhile is a new one.
        assert_eq!(turn(11, &[], true), [false; 0]);
        assert_eq!(turn(19, &["b"], true), [false]);
        fs_err::write(home.path().join(FILE), "torn").unwrap();
        assert_eq!(turn(40, &["b"], true), [false]);
        assert_eq!(turn(50, &["b"], true), [true]);
    }
}
