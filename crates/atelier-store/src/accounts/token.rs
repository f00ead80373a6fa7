//! Tokens of programs.

use atelier_accounts::{SecretHash, TokenScope};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use serde::Serialize;

use super::Account;
use crate::about::checked_handle;
use crate::error::{Error, Result};
use crate::jobs::unreadable;
use crate::library::{AccountId, Ask, Library, TokenId};

/// How exactly the last use is noted, in milliseconds, so that not every request is a change of the catalogue.
const GLANCE_MS: i64 = 5 * 60 * 1000;

/// Most tokens of an account.
const MOST_OF_EACH: u32 = 100;

/// By what a program is recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiToken {
    /// Its id.
    pub id: TokenId,
    /// What it is for, in words.
    pub name: String,
    /// The name of the account that it speaks for; nothing for the user of the machine.
    pub account: Option<String>,
    /// The id of that account.
    #[serde(skip)]
    pub account_id: Option<AccountId>,
    /// What it may do of what the account may.
    pub scope: TokenScope,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// When it was last used, within minutes.
    pub used_ms: Option<i64>,
    /// From when on it is refused.
    pub expires_ms: Option<i64>,
}

/// A token that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// What it is for, in words.
    pub name: String,
    /// The account that it speaks for; nothing for the user of the machine.
    pub account: Option<AccountId>,
    /// What it may do.
    pub scope: TokenScope,
    /// How long it lasts, in days; without an end when absent.
    pub days: Option<u32>,
}

const SELECT: &str =
    "SELECT t.*, a.name AS account_name FROM api_token t LEFT JOIN account a ON a.id = t.account";

impl ApiToken {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let scope: String = row.get("scope")?;
        Ok(Self {
            id: row.get("id")?,
            name: row.get("name")?,
            account: row.get("account_name")?,
            account_id: row.get("account")?,
            scope: scope.parse().map_err(unreadable)?,
            created_ms: row.get("created_ms")?,
            used_ms: row.get("used_ms")?,
            expires_ms: row.get("expires_ms")?,
        })
    }
}

/// Refuses an account more tokens than anybody uses. Those of the machine are not counted: it has no limit to what it may do.
fn check_count(change: &Transaction<'_>, account: Option<AccountId>) -> Result<()> {
    let query = "SELECT count(*) FROM api_token WHERE account = ?";
    let count: u32 = change.ask(query, [account], |row| row.get(0))?;
    if count < MOST_OF_EACH {
        return Ok(());
    }
    let problem = format!("the account has {MOST_OF_EACH} of them already; revoke some first");
    Err(Error::invalid("token", "one more", problem))
}

impl Library {
    /// Makes a token of a secret, which is not kept.
    ///
    /// # Errors
    /// When it has no name that can be kept.
    pub fn create_token(&self, new: NewToken, hash: SecretHash) -> Result<ApiToken> {
        const DAY_MS: i64 = 24 * 60 * 60 * 1000;
        let (id, now_ms) = (TokenId::new(), self.now_ms());
        let NewToken {
            name,
            account,
            scope,
            days,
        } = new;
        let name = checked_handle("name of a token", &name)?;
        let expires_ms = days.map(|days| now_ms + i64::from(days) * DAY_MS);
        self.write(move |change| {
            check_count(change, account)?;
            let insert = "INSERT INTO api_token (id, hash, name, account, scope, created_ms, expires_ms) \
                          VALUES (?, ?, ?, ?, ?, ?, ?)";
            let (hash, scope) = (hash.as_str(), scope.name());
            change.execute(
                insert,
                params![id, hash, name, account, scope, now_ms, expires_ms],
            )?;
            get(change, id)
        })
    }

    /// The tokens of an account, or all; newest first.
    pub fn list_tokens(&self, of: Option<AccountId>) -> Result<Vec<ApiToken>> {
        let query = format!(
            "{SELECT} WHERE ?1 IS NULL OR t.account = ?1 ORDER BY t.created_ms DESC, t.id DESC"
        );
        self.read(|view| {
            let mut statement = view.prepare_cached(&query)?;
            let rows = statement.query_map([of], ApiToken::from_row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The token with this id.
    pub fn get_token(&self, id: TokenId) -> Result<ApiToken> {
        self.read(|view| get(view, id))
    }

    /// The tokens with this name, else the one with this id.
    pub fn find_tokens(&self, name: &str) -> Result<Vec<ApiToken>> {
        let mut found = self.list_tokens(None)?;
        found.retain(|token| token.name == name.trim());
        if found.is_empty() {
            let id = name.trim().parse();
            let id = id.map_err(|_| Error::not_found("token", name))?;
            found.push(self.get_token(id)?);
        }
        Ok(found)
    }

    /// The token with this secret, and its account, unless it has expired or the account is closed.
    pub fn recognise_token(
        &self,
        hash: &SecretHash,
    ) -> Result<Option<(ApiToken, Option<Account>)>> {
        let now_ms = self.now_ms();
        let query = format!("{SELECT} WHERE t.hash = ? AND coalesce(t.expires_ms > ?, TRUE)");
        let found = self.read(|view| {
            let token = view.ask(&query, params![hash.as_str(), now_ms], ApiToken::from_row);
            let Some(token) = token.optional()? else {
                return Ok(None);
            };
            let account = token
                .account_id
                .map(|id| super::get(view, id))
                .transpose()?;
            let is_closed = account
                .as_ref()
                .is_some_and(|one| one.disabled_ms.is_some());
            Ok((!is_closed).then_some((token, account)))
        })?;
        if let Some((token, _)) = &found
            && token.used_ms.is_none_or(|used| used + GLANCE_MS < now_ms)
        {
            let id = token.id;
            // As with sessions, no reason to refuse what only reads.
            drop(self.write(move |change| {
                let update = "UPDATE api_token SET used_ms = ? WHERE id = ?";
                Ok(change.execute(update, params![now_ms, id])?)
            }));
        }
        Ok(found)
    }

    /// Refuses a token from now on.
    pub fn revoke_token(&self, id: TokenId) -> Result<ApiToken> {
        self.write(move |change| {
            let token = get(change, id)?;
            change.execute("DELETE FROM api_token WHERE id = ?", [id])?;
            Ok(token)
        })
    }
}

fn get(view: &Transaction<'_>, id: TokenId) -> Result<ApiToken> {
    let query = format!("{SELECT} WHERE t.id = ?");
    let found = view.ask(&query, [id], ApiToken::from_row).optional()?;
    found.ok_or_else(|| Error::not_found("token", id))
}
