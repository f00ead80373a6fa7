//! Lists in pages.

use atelier_http::answer::{Failure, Result};

/// What a page has at most.
const MOST: u32 = 200;

/// How many a page has where nobody says.
pub(crate) fn fifty() -> u32 {
    50
}

/// How many to pass over and how many to take, where that can be asked.
pub(crate) fn page(offset: u32, limit: u32) -> Result<(u32, u32)> {
    if (1..=MOST).contains(&limit) {
        return Ok((offset, limit));
    }
    let message = format!("limit `{limit}`: expected is a number from 1 to {MOST}");
    Err(Failure::invalid(message))
}
