//! What keeps others away: other people's pages, and people who may not.

mod access;
mod addresses;
mod headers;
mod host_name;
mod origin;
mod proxy;
mod refusal;
mod rights;

pub use access::Access;
pub(crate) use addresses::Addresses;
pub(crate) use headers::{add_headers, only_this_picture};
pub use host_name::HostName;
pub(crate) use origin::{check_origin, is_below};
pub(crate) use proxy::{Peer, client_address, is_https};
pub(crate) use refusal::refused;
pub(crate) use rights::{Right, is_guarded};
