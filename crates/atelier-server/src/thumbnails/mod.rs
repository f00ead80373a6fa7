//! Small pictures of pictures. They are kept in a folder, from which any may be deleted at any time.

mod draw;
mod folder;

pub(crate) use draw::{Part, draw};
pub(crate) use folder::{Name, Thumbnails};
