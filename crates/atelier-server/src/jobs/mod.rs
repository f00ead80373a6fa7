//! The queue: what it was asked for, how far it is, and what is wanted of it now.

pub(crate) mod control;
pub(crate) mod lifecycle;
mod room;
pub(crate) mod views;
