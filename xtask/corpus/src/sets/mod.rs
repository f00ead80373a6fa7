//! The sets of pictures that need code of their own.

pub(crate) mod blob;
pub(crate) mod fxemoji;
pub(crate) mod iconify;
pub(crate) mod ink;
pub(crate) mod teapot;
