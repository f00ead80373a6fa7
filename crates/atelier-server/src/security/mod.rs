//! Who may ask for what.

mod rights;

pub(crate) use rights::{Right, is_guarded};
