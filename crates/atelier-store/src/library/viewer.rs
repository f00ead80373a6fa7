//! For whom the library is read and changed. Connections of those who see only a part have views in the place of the tables,
//! so that every query that names a table sees that part, and none can forget to ask. Changes name the table itself
//! (`main.dataset`), after they looked whether the row may be changed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atelier_accounts::Role;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::{AccountId, Ask};
use crate::error::{Error, Result};

/// Who looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Viewer {
    /// The program itself and the user of this machine, who see and change everything.
    #[default]
    Machine,
    /// Somebody with an account. What they make is theirs.
    Account {
        /// The account.
        id: AccountId,
        /// What it may do.
        role: Role,
    },
    /// Somebody who did not say who they are. They see nothing.
    Nobody,
}

impl Viewer {
    /// Whether nothing is hidden.
    pub fn sees_all(self) -> bool {
        match self {
            Self::Machine => true,
            Self::Account { role, .. } => role == Role::Owner,
            Self::Nobody => false,
        }
    }

    /// Whose the things are that are made.
    pub fn account(self) -> Option<AccountId> {
        match self {
            Self::Account { id, .. } => Some(id),
            Self::Machine | Self::Nobody => None,
        }
    }

    /// Whether a thing is seen that has this owner, or is shared with everybody.
    pub fn sees(self, owner: Option<AccountId>, is_shared: bool) -> bool {
        let is_own = owner.is_some() && owner == self.account();
        self.sees_all() || is_own || (is_shared && self != Self::Nobody)
    }

    /// Whether things can be made and changed at all.
    pub(super) fn may_change(self) -> bool {
        match self {
            Self::Machine => true,
            Self::Account { role, .. } => role >= Role::Member,
            Self::Nobody => false,
        }
    }

    fn may_change_of(self, owner: Option<AccountId>) -> bool {
        self.sees_all() || (self.may_change() && owner.is_some() && owner == self.account())
    }
}

/// What somebody sees of a table.
#[derive(Clone, Copy)]
enum Seen {
    /// What is theirs, or shared and not in the trash.
    OwnOrShared,
    /// What is theirs, or shared with a run that is not in the trash.
    OwnOrSharedWithRun,
    /// What is theirs.
    Own,
    /// What belongs to something that they see: the column, and its table.
    With(&'static str, &'static str),
    /// Nothing.
    Nothing,
}

const TABLES: [(&str, Seen); 15] = [
    ("dataset", Seen::OwnOrShared),
    ("run", Seen::OwnOrShared),
    ("model", Seen::OwnOrShared),
    ("job", Seen::OwnOrSharedWithRun),
    ("picture", Seen::OwnOrShared),
    ("start_picture", Seen::Own),
    ("dataset_version", Seen::With("dataset", "dataset")),
    ("image", Seen::With("dataset", "dataset")),
    ("checkpoint", Seen::With("run", "run")),
    ("attempt", Seen::With("job", "job")),
    ("job_start", Seen::With("job", "job")),
    ("picture_model", Seen::With("picture", "picture")),
    ("session", Seen::Nothing),
    ("api_token", Seen::Nothing),
    ("audit", Seen::Nothing),
];

impl Seen {
    /// Of this table; nothing of one that is not listed.
    fn of(table: &str) -> Self {
        let mut tables = TABLES.iter();
        let found = tables.find(|(name, _)| *name == table);
        found.map_or(Self::Nothing, |(_, seen)| *seen)
    }

    /// What holds of the rows that are seen, where `row` is what a query calls them.
    fn condition(self, row: &str) -> String {
        let own_or = |is_shown: &str| {
            format!(
                "viewer() IS NOT NULL AND ({row}.owner = viewer() OR ({row}.shared = 1 AND {is_shown}))"
            )
        };
        match self {
            Self::OwnOrShared => own_or(&format!("{row}.trashed_ms IS NULL")),
            Self::OwnOrSharedWithRun => own_or(&format!(
                "EXISTS (SELECT 1 FROM main.run trained WHERE trained.id = {row}.run AND trained.trashed_ms IS NULL)"
            )),
            Self::Own => format!("{row}.owner = viewer()"),
            Self::With(column, table) => {
                let seen = Self::of(table).condition("whole");
                format!(
                    "EXISTS (SELECT 1 FROM main.{table} whole WHERE whole.id = {row}.{column} AND {seen})"
                )
            }
            Self::Nothing => "FALSE".to_owned(),
        }
    }
}

/// Who looks through a connection at the moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Told(Arc<Mutex<Viewer>>);

impl Told {
    fn lock(&self) -> MutexGuard<'_, Viewer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, viewer: Viewer) {
        *self.lock() = viewer;
    }

    /// Lets queries ask who looks: `viewer()` is the account's id, and `may_change(owner)` whether they may change a row. Both
    /// say the same for as long as a statement runs.
    pub(super) fn register(connection: &Connection) -> rusqlite::Result<Self> {
        let told = Self::default();
        let flags = FunctionFlags::SQLITE_UTF8
            | FunctionFlags::SQLITE_DETERMINISTIC
            | FunctionFlags::SQLITE_INNOCUOUS;
        let (viewer, changer) = (told.clone(), told.clone());
        connection
            .create_scalar_function("viewer", 0, flags, move |_| Ok(viewer.lock().account()))?;
        connection.create_scalar_function("may_change", 1, flags, move |arguments| {
            Ok(changer.lock().may_change_of(arguments.get(0)?))
        })?;
        Ok(told)
    }
}

/// Puts views in the place of tables, for those who see only a part.
pub(super) fn hide(connection: &Connection) -> rusqlite::Result<()> {
    // Whose things are, and nothing of how they are recognised.
    connection.execute_batch("CREATE TEMP VIEW account AS SELECT id, name FROM main.account")?;
    TABLES.iter().try_for_each(|(table, seen)| {
        let condition = seen.condition("t");
        connection.execute_batch(&format!(
            "CREATE TEMP VIEW {table} AS SELECT t.* FROM main.{table} t WHERE {condition}"
        ))
    })
}

/// Refuses to change a row that is seen and somebody else's.
pub(crate) fn check_own(
    view: &Transaction<'_>,
    (table, what): (&str, &'static str),
    id: &dyn ToSql,
    name: &str,
) -> Result<()> {
    let query = format!("SELECT may_change(owner) FROM {table} WHERE id = ?");
    let is_own = view.ask(&query, [id], |row| row.get(0)).optional()?;
    if is_own.unwrap_or(false) {
        return Ok(());
    }
    let name = name.to_owned();
    Err(Error::NotOwn { what, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_follows_from_owner_and_sharing() {
        let (id, other) = (AccountId::new(), AccountId::new());
        let of = |role| Viewer::Account { id, role };
        for viewer in [Viewer::Machine, of(Role::Owner)] {
            assert!(viewer.sees(None, false) && viewer.sees(Some(other), false));
            assert!(viewer.may_change_of(Some(other)));
        }
        let member = of(Role::Member);
        assert!(member.sees(Some(id), false) && member.sees(Some(other), true));
        assert!(!member.sees(Some(other), false) && !member.sees(None, false));
        assert!(member.may_change_of(Some(id)) && !member.may_change_of(Some(other)));
        assert!(!member.may_change_of(None));
        assert!(!of(Role::Viewer).may_change_of(Some(id)) && of(Role::Viewer).sees(None, true));
        assert!(!Viewer::Nobody.sees(None, true) && !Viewer::Nobody.may_change_of(None));
    }
}
