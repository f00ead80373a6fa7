//! Who asks: how they are recognised, and how sessions begin and end.

mod admit;
mod credentials;
pub(crate) mod login;
pub(crate) mod password;
mod viewer;

pub(crate) use admit::{count_again, is_still_admitted, recognise};
pub(crate) use viewer::{By, Viewer, Who};
