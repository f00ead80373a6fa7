//! Drawings are asked for; the queue draws them.

mod check;
pub(crate) mod request;
pub(crate) mod start;
pub(crate) mod start_pictures;
pub(crate) mod views;
