//! What keeps other people's pages away, where requests come from, and how often they may.

mod access;
mod addresses;
mod headers;
mod host_name;
mod origin;
mod proxy;
mod rates;
mod refusal;

pub use access::Access;
pub use addresses::Addresses;
pub use headers::{add_headers, only_this_picture};
pub use host_name::HostName;
pub use origin::{check_origin, is_below, media_type};
use proxy::household;
pub use proxy::{Peer, client_address, is_https, neighbourhood};
pub use rates::Rates;
pub use refusal::refused;
