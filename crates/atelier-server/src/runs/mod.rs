//! Runs: what was trained, what is being trained, and how they differ.

pub(crate) mod compare;
pub(crate) mod control;
pub(crate) mod lifecycle;
pub(crate) mod losses;
pub(crate) mod previews;
pub(crate) mod views;
