//! What becomes of jobs, as it happens: server-sent events.

mod clients;
pub(crate) mod stream;
mod watch;

pub(crate) use clients::Clients;
pub(crate) use watch::Watch;
