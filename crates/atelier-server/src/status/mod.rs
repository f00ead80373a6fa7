//! The server itself: whether it is well, what it is, what it did.

pub(crate) mod about;
pub(crate) mod health;
pub(crate) mod metrics;
