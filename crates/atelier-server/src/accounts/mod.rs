//! Accounts: who has one, and what they may do.

pub(crate) mod lifecycle;
pub(crate) mod views;
