//! Sessions of browsers. A session that is used goes on; one that is not ends after a while.

use atelier_accounts::{PasswordHash, SecretHash};
use rusqlite::{OptionalExtension as _, params};

use super::Account;
use crate::error::Result;
use crate::library::{AccountId, Ask, Library};

/// How long a session lasts after its last use, in milliseconds.
const LASTS_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// Sessions of one account.
const MOST: u32 = 50;
/// How exactly its last use is noted, so that not every request is a change of the catalogue.
const GLANCE_MS: i64 = 5 * 60 * 1000;

/// A browser of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose it is.
    pub account: Account,
    /// What is kept of its secret.
    pub hash: SecretHash,
    /// When it was last used, in milliseconds since the Unix epoch.
    used_ms: i64,
}

impl Library {
    /// Begins a session of somebody whose password was looked at; whether it did, which it does not where the account has another one
    /// by now or is closed. What has ended by itself is forgotten, and of many sessions the one that was not used for longest.
    pub fn create_session(
        &self,
        account: AccountId,
        password: &PasswordHash,
        hash: SecretHash,
    ) -> Result<bool> {
        let (now_ms, password) = (self.now_ms(), password.as_str().to_owned());
        self.write(move |change| {
            let ended = "DELETE FROM session WHERE expires_ms <= ?1 OR account = ?2 AND hash NOT IN \
                         (SELECT hash FROM session WHERE account = ?2 ORDER BY used_ms > created_ms DESC, used_ms DESC, hash LIMIT ?3)";
            change.execute(ended, params![now_ms, account, MOST - 1])?;
            let insert = "INSERT INTO session (hash, account, created_ms, used_ms, expires_ms) SELECT ?1, id, ?3, ?3, ?4 \
                          FROM account WHERE id = ?2 AND password = ?5 AND disabled_ms IS NULL";
            let begun = change.execute(
                insert,
                params![hash.as_str(), account, now_ms, now_ms + LASTS_MS, password],
            )?;
            Ok(begun > 0)
        })
    }

    /// The session with this secret, unless it has ended or its account is closed. Its time begins anew.
    pub fn find_session(&self, hash: &SecretHash) -> Result<Option<Session>> {
        let now_ms = self.now_ms();
        let query = "SELECT a.*, s.used_ms FROM session s JOIN account a ON a.id = s.account \
                     WHERE s.hash = ? AND s.expires_ms > ? AND a.disabled_ms IS NULL";
        let found = self.read(|view| {
            let found = view.ask(query, params![hash.as_str(), now_ms], |row| {
                Ok(Session {
                    account: Account::from_row(row)?,
                    hash: hash.clone(),
                    used_ms: row.get("used_ms")?,
                })
            });
            Ok(found.optional()?)
        })?;
        if let Some(session) = &found
            && session.used_ms + GLANCE_MS < now_ms
        {
            // Whoever only reads is let in where nothing can be written, too.
            drop(self.note_use(hash.clone(), now_ms));
        }
        Ok(found)
    }

    fn note_use(&self, hash: SecretHash, now_ms: i64) -> Result<()> {
        self.write(move |change| {
            let update = "UPDATE session SET used_ms = ?, expires_ms = ? WHERE hash = ?";
            change.execute(update, params![now_ms, now_ms + LASTS_MS, hash.as_str()])?;
            Ok(())
        })
    }

    /// Ends a session.
    pub fn end_session(&self, hash: SecretHash) -> Result<()> {
        self.write(move |change| {
            change.execute("DELETE FROM session WHERE hash = ?", [hash.as_str()])?;
            Ok(())
        })
    }
}
