//! What keeps other people's pages away from a server that trusts whoever sits at this machine.

mod addresses;
mod headers;
mod origin;

pub(crate) use addresses::Addresses;
pub(crate) use headers::{add_headers, only_this_picture};
pub(crate) use origin::{check_origin, is_below};
