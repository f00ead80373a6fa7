//! Small pictures of pictures. They are kept in a folder, from which any may be deleted at any time.

mod answer;
mod draw;
mod folder;

pub(crate) use answer::{Original, answer};
pub(crate) use draw::Part;
pub(crate) use folder::Thumbnails;

use draw::draw;
use folder::Name;
