//! What was done by whom.

use rusqlite::{Row, Transaction, params};
use serde::Serialize;

use crate::error::Result;
use crate::library::{Ask, Library};

/// Entries that are kept.
const MOST: i64 = 20_000;
/// Those of one account, so that nobody can push out what others did; looked at once in so many entries.
const MOST_OF_EACH: i64 = 5_000;
const LOOKED_AT: i64 = 100;
/// Longest text of an entry.
const MOST_CHARS: usize = 200;

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// When, in milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// What the account was called; nothing for the user of the machine, and where nobody was recognised.
    pub account: Option<String>,
    /// What was done, such as `login`.
    pub what: String,
    /// What it was done to.
    pub thing: Option<String>,
    /// Where the request came from.
    pub address: Option<String>,
}

/// Something to take note of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewAudit {
    /// What the account is called.
    pub account: Option<String>,
    /// What is done, such as `login`.
    pub what: &'static str,
    /// What it is done to.
    pub thing: Option<String>,
    /// Where the request comes from.
    pub address: Option<String>,
}

/// Some of what was done, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditPage {
    /// Those of the page.
    pub entries: Vec<Audit>,
    /// How many there are on all pages.
    pub total: u32,
}

impl Audit {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            time_ms: row.get("time_ms")?,
            account: row.get("account")?,
            what: row.get("what")?,
            thing: row.get("thing")?,
            address: row.get("address")?,
        })
    }
}

/// Removes the oldest entries of accounts that have too many, then the oldest of all.
fn forget(change: &Transaction<'_>) -> Result<()> {
    let of_each = "DELETE FROM audit WHERE id IN (SELECT id FROM \
        (SELECT id, row_number() OVER (PARTITION BY account ORDER BY id DESC) AS place FROM audit) \
        WHERE place > ?)";
    change.execute(of_each, [MOST_OF_EACH])?;
    let of_all = "DELETE FROM audit WHERE id <= \
        (SELECT id FROM audit ORDER BY id DESC LIMIT 1 OFFSET ?)";
    change.execute(of_all, [MOST])?;
    Ok(())
}

impl Library {
    /// Takes note of something. The oldest go when there are too many.
    pub fn note_audit(&self, new: NewAudit) -> Result<()> {
        let now_ms = self.now_ms();
        let short = |text: Option<String>| {
            text.map(|text| text.chars().take(MOST_CHARS).collect::<String>())
        };
        self.write(move |change| {
            let insert =
                "INSERT INTO audit (time_ms, account, what, thing, address) VALUES (?, ?, ?, ?, ?)";
            let (account, thing) = (short(new.account), short(new.thing));
            change.execute(
                insert,
                params![now_ms, account, new.what, thing, new.address],
            )?;
            let newest = change.last_insert_rowid();
            if newest % LOOKED_AT == 0 {
                forget(change)?;
            }
            Ok(())
        })
    }

    /// A page of what was done, newest first.
    pub fn page_of_audit(&self, (offset, limit): (u32, u32)) -> Result<AuditPage> {
        self.read(|view| {
            let query = "SELECT * FROM audit ORDER BY id DESC LIMIT ? OFFSET ?";
            let mut statement = view.prepare_cached(query)?;
            let rows = statement.query_map([limit, offset], Audit::from_row)?;
            Ok(AuditPage {
                entries: rows.collect::<rusqlite::Result<_>>()?,
                total: view.ask("SELECT count(*) FROM audit", [], |row| row.get(0))?,
            })
        })
    }
}
