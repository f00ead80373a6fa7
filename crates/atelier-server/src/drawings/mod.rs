//! Drawings are asked for; the queue draws them.

pub(crate) mod request;
pub(crate) mod start;
