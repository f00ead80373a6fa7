//! Who asks, and what they may see and do.

mod viewer;

pub(crate) use viewer::{Viewer, recognise};
