//! Accounts, and what they are recognised by. Only the program itself asks for these; who sees a part of the library sees none.

mod audit;
mod session;
mod sharing;
mod token;

use atelier_accounts::{PasswordHash, Role, SecretHash};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use serde::Serialize;

use crate::about::checked_handle;
use crate::error::{Error, Result};
use crate::jobs::{Job, unreadable};
use crate::library::{AccountId, Ask, Library, Viewer, name_key};

pub use audit::{Audit, AuditPage, NewAudit};
pub use session::Session;
pub use token::{ApiToken, NewToken};

/// Somebody who can use the studio from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its name, which no other account has.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// When it was closed; nothing while it can be used.
    pub disabled_ms: Option<i64>,
}

/// What becomes of an account; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountChange {
    /// Another role.
    pub role: Option<Role>,
    /// Whether it is closed. Its sessions end, and its tokens are refused for as long.
    pub is_disabled: Option<bool>,
    /// Another password. Its sessions end.
    pub password: Option<PasswordHash>,
}

impl AccountChange {
    /// What the audit log says of it: each deed, and what it is done to, for the account of this name.
    pub fn deeds(&self, name: &str) -> Vec<(&'static str, String)> {
        let closed = self.is_disabled.map(|is_closed| {
            let deed = if is_closed {
                "account-closed"
            } else {
                "account-opened"
            };
            (deed, name.to_owned())
        });
        let role = self
            .role
            .map(|role| ("account-role-changed", format!("{name} to {role}")));
        let password = self.password.as_ref();
        let password = password.map(|_| ("account-password-changed", name.to_owned()));
        [role, closed, password].into_iter().flatten().collect()
    }
}

impl Account {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let role: String = row.get("role")?;
        Ok(Self {
            id: row.get("id")?,
            name: row.get("name")?,
            role: role.parse().map_err(unreadable)?,
            created_ms: row.get("created_ms")?,
            disabled_ms: row.get("disabled_ms")?,
        })
    }
}

/// What errors call it.
const NAME: &str = "name of an account";
/// Most characters of a new name, which the pages have room for.
const MOST_NAME_CHARS: usize = 60;

/// What is equal for names by which the same account is found; nothing where no account can have the name.
pub fn login_key(name: &str) -> Option<String> {
    let name = checked_handle(NAME, name.trim()).ok()?;
    Some(name_key(&name))
}

impl Library {
    /// Makes an account.
    ///
    /// # Errors
    /// When the name cannot be one, or another account has it.
    pub fn create_account(
        &self,
        name: &str,
        role: Role,
        password: PasswordHash,
    ) -> Result<Account> {
        let name = checked_handle(NAME, name)?;
        if name.chars().count() > MOST_NAME_CHARS {
            let problem = format!("it has more than {MOST_NAME_CHARS} characters");
            return Err(Error::invalid(NAME, name, problem));
        }
        let (id, now_ms) = (AccountId::new(), self.now_ms());
        self.write(move |change| {
            let key = name_key(&name);
            let insert = "INSERT INTO account (id, name, name_key, role, password, created_ms) VALUES (?, ?, ?, ?, ?, ?)";
            let row = params![id, name, key, role.name(), password.as_str(), now_ms];
            let inserted = change.execute(insert, row);
            inserted.map_err(|error| Error::taken("account", &name, error))?;
            get(change, id)
        })
    }

    /// Every account, in the order of their names.
    pub fn list_accounts(&self) -> Result<Vec<Account>> {
        self.read(|view| {
            let mut statement = view.prepare_cached("SELECT * FROM account ORDER BY name_key")?;
            let rows = statement.query_map([], Account::from_row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The account with this id.
    pub fn get_account(&self, id: AccountId) -> Result<Account> {
        self.read(|view| get(view, id))
    }

    /// The account with this name, else the one with this id.
    pub fn find_account(&self, name: &str) -> Result<Account> {
        self.read(|view| match (by_name(view, name)?, name.trim().parse()) {
            (Some((account, _)), _) => Ok(account),
            (None, Ok(id)) => get(view, id),
            (None, Err(_)) => Err(Error::not_found("account", name)),
        })
    }

    /// The account with this name that can be used, and what is kept of its password.
    pub fn find_login(&self, name: &str) -> Result<Option<(Account, PasswordHash)>> {
        let found = self.read(|view| by_name(view, name))?;
        Ok(found.filter(|(account, _)| account.disabled_ms.is_none()))
    }

    /// What is kept of an account's password.
    pub fn password_of(&self, id: AccountId) -> Result<PasswordHash> {
        self.read(|view| {
            let query = "SELECT password FROM account WHERE id = ?";
            let kept = view.ask(query, [id], |row| row.get(0)).optional()?;
            let kept = kept.ok_or_else(|| Error::not_found("account", id))?;
            Ok(PasswordHash::kept(kept))
        })
    }

    /// Whether there is an account with the role owner that can be used.
    pub fn has_owner(&self) -> Result<bool> {
        self.read(|view| Ok(count_owners(view)? > 0))
    }

    /// Gives an account another role or password, closes it, or opens it again.
    ///
    /// # Errors
    /// When no account with the role owner would be left.
    pub fn update_account(&self, id: AccountId, new: AccountChange) -> Result<Account> {
        let now_ms = self.now_ms();
        self.write(move |change| {
            let before = get(change, id)?;
            let role = new.role.unwrap_or(before.role);
            let disabled_ms = match new.is_disabled {
                None => before.disabled_ms,
                Some(is_disabled) => is_disabled.then_some(before.disabled_ms.unwrap_or(now_ms)),
            };
            let update = "UPDATE account SET role = ?, disabled_ms = ?, password = coalesce(?, password) WHERE id = ?";
            let password = new.password.as_ref().map(PasswordHash::as_str);
            change.execute(update, params![role.name(), disabled_ms, password, id])?;
            check_owner_left(change, &before)?;
            if new.password.is_some() || disabled_ms.is_some() {
                change.execute("DELETE FROM session WHERE account = ?", [id])?;
            }
            get(change, id)
        })
    }

    /// Gives an account another password. Its sessions end but the one that is kept.
    pub fn change_password(
        &self,
        id: AccountId,
        password: PasswordHash,
        keep: SecretHash,
    ) -> Result<()> {
        self.write(move |change| {
            get(change, id)?;
            let update = "UPDATE account SET password = ? WHERE id = ?";
            change.execute(update, params![password.as_str(), id])?;
            let end = "DELETE FROM session WHERE account = ? AND hash <> ?";
            change.execute(end, params![id, keep.as_str()])?;
            Ok(())
        })
    }

    /// Removes an account. What it made belongs to the accounts with the role owner from then on.
    ///
    /// # Errors
    /// When no account with the role owner would be left.
    pub fn delete_account(&self, id: AccountId) -> Result<Account> {
        self.write(move |change| {
            let account = get(change, id)?;
            change.execute("DELETE FROM account WHERE id = ?", [id])?;
            check_owner_left(change, &account)?;
            Ok(account)
        })
    }
}

impl Library {
    /// The library as whoever a job belongs to sees it.
    pub fn seen_by_owner_of(&self, job: &Job) -> Result<Self> {
        self.seen_by_account(job.owner)
    }

    /// The library as an account sees it, or the user of the machine.
    pub fn seen_by_account(&self, account: Option<AccountId>) -> Result<Self> {
        let account = account.map(|id| self.get_account(id)).transpose()?;
        let viewer = account.map(|Account { id, role, .. }| Viewer::Account { id, role });
        Ok(self.seen_by(viewer.unwrap_or_default()))
    }
}

fn count_owners(view: &Transaction<'_>) -> Result<u32> {
    let count = "SELECT count(*) FROM account WHERE role = ? AND disabled_ms IS NULL";
    Ok(view.ask(count, [Role::Owner.name()], |row| row.get(0))?)
}

/// After a change of an account.
fn check_owner_left(change: &Transaction<'_>, before: &Account) -> Result<()> {
    let was_owner = before.role == Role::Owner && before.disabled_ms.is_none();
    if was_owner && count_owners(change)? == 0 {
        let name = before.name.clone();
        return Err(Error::LastOwner { name });
    }
    Ok(())
}

fn by_name(view: &Transaction<'_>, name: &str) -> Result<Option<(Account, PasswordHash)>> {
    let query = "SELECT * FROM account WHERE name_key = ?";
    let found = view.ask(query, [name_key(name.trim())], |row| {
        let password = PasswordHash::kept(row.get("password")?);
        Ok((Account::from_row(row)?, password))
    });
    Ok(found.optional()?)
}

fn get(view: &Transaction<'_>, id: AccountId) -> Result<Account> {
    let query = "SELECT * FROM account WHERE id = ?";
    let found = view.ask(query, [id], Account::from_row).optional()?;
    found.ok_or_else(|| Error::not_found("account", id))
}
