//! What can go wrong before the first request is answered.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use atelier_core::{Coded, ErrorCode};

/// The server cannot start, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is none.
    #[error(
        "cannot listen on `{text}`: {problem}; expected is an address with a port, such as `127.0.0.1:7860`"
    )]
    BadAddress {
        /// What was given.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A name of the server is none.
    #[error(
        "the host `{text}`: {problem}; expected is a name such as `studio.example`, or one with a port"
    )]
    BadHost {
        /// What was given.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Others can reach the server, by its address, through a proxy or under a name, or a login was asked for, and nobody could
    /// log in.
    #[error(
        "cannot listen on `{address}`: everybody has to log in there, and there is no account with the role `owner`; make one \
         with `atelier user add NAME --role owner`, or listen on an address of this machine, such as `127.0.0.1:7860`, without \
         `--require-login`, `--behind-proxy` and names of other machines"
    )]
    NoOwner {
        /// The address.
        address: SocketAddr,
    },
    /// The library cannot be asked for its accounts.
    #[error(transparent)]
    Library(#[from] atelier_store::Error),
    /// Another program listens there.
    #[error("cannot listen on `{address}`: another program does")]
    InUse {
        /// The address.
        address: SocketAddr,
    },
    /// The system does not let this program listen there.
    #[error("cannot listen on `{address}`: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// A folder that the server needs cannot be made.
    #[error("cannot make the folder `{}`: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The threads that answer requests cannot be started.
    #[error("cannot start the threads that answer requests: {0}")]
    Threads(io::Error),
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::BadAddress { .. } | Self::BadHost { .. } | Self::NoOwner { .. } => {
                ErrorCode::InvalidInput
            }
            Self::Library(error) => error.code(),
            Self::InUse { .. } => ErrorCode::AddressInUse,
            Self::Listen { .. } | Self::Folder { .. } | Self::Threads(_) => ErrorCode::Io,
        }
    }
}
