//! Pictures that were drawn.

pub(crate) mod file;
pub(crate) mod from_picture;
pub(crate) mod lifecycle;
pub(crate) mod thumbnail;
pub(crate) mod views;

/// What a picture is called outside the library.
fn file_name(picture: &atelier_store::Picture) -> String {
    format!("drawn-{}.png", picture.seed)
}
