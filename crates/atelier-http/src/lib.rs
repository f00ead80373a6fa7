//! How the studio speaks HTTP, whatever about: failures and files in answers, places for what is slow, connections that end when
//! their clients are too slow, uploads on their way to the disk, and who may reach a server from where.

pub mod answer;
pub mod connection;
mod credit;
mod error;
pub mod incoming;
mod limits;
mod listen_address;
pub mod metrics;
mod patient;
pub mod places;
pub mod room;
pub mod rounds;
pub mod security;
pub mod work;

pub use error::Error;
pub use limits::Limits;
pub use listen_address::ListenAddress;
