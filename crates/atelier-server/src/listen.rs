//! The socket, with patience for slow clients that ends, and an end that lets requests finish.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use atelier_core::CancelFlag;
use atelier_http::connection::{serve, turn_away};
use atelier_http::room::Room;
use atelier_http::security::Access;
use atelier_http::{Error, Limits};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::time::{interval, sleep, timeout};

use crate::app::{App, Services, Settings, router_of};
use crate::chores::tidy;

/// Threads that answer; what is slow has others.
const THREADS: usize = 2;
/// Threads for what is slow, at most.
const SLOW_THREADS: usize = 64;
/// Open files that are none of a connection's: catalogue, logs, uploads, the queue.
#[cfg(unix)]
const OTHER_FILES: usize = 128;
/// Without these a browser would wait for itself.
const LEAST_CONNECTIONS: usize = 16;
/// How often it is looked whether to stop.
const GLANCE: Duration = Duration::from_millis(50);

/// An address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenAddress(SocketAddr);

impl FromStr for ListenAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let local = text.strip_prefix("localhost:");
        let address = match local {
            Some(port) => port
                .parse()
                .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
                .map_err(|error| format!("the port: {error}")),
            None => text.parse().map_err(|_| not_an_address(text)),
        };
        let address: SocketAddr = address.map_err(|problem| Error::BadAddress {
            text: text.to_owned(),
            problem,
        })?;
        Ok(Self(address))
    }
}

impl ListenAddress {
    /// Whether no other machine can reach it.
    pub fn is_loopback(self) -> bool {
        self.0.ip().is_loopback()
    }
}

impl From<ListenAddress> for SocketAddr {
    fn from(ListenAddress(address): ListenAddress) -> Self {
        address
    }
}

fn not_an_address(text: &str) -> String {
    if text.parse::<IpAddr>().is_ok() {
        "it has no port".to_owned()
    } else {
        "it is no address of numbers, nor `localhost` with a port".to_owned()
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A server that has its address, and answers when it runs.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    settings: Settings,
    services: Services,
    access: Access,
}

impl Server {
    /// Takes an address that only this machine reaches, and lets everybody in; with port 0 one that is free.
    pub fn bind(address: ListenAddress, settings: Settings) -> Result<Self, Error> {
        Self::bind_with(address, settings, Access::default())
    }

    /// Takes an address, with port 0 one that is free. Where others reach it, by the address, through a proxy or under a name that
    /// is none of this machine, everybody has to log in.
    ///
    /// # Errors
    /// When somebody has to log in and there is no account that could let others in.
    pub fn bind_with(
        address: ListenAddress,
        settings: Settings,
        mut access: Access,
    ) -> Result<Self, Error> {
        let ListenAddress(address) = address;
        access.needs_login = access.needs_login_at(address);
        if access.needs_login && !settings.library.has_owner()? {
            return Err(Error::NoOwner { address });
        }
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => Error::InUse { address },
            _ => Error::Listen { address, source },
        };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            listener,
            address,
            settings,
            services: Services::default(),
            access,
        })
    }

    /// With others who do what it cannot do itself. They come after the address, so that a server that gets none has begun nothing.
    #[must_use]
    pub fn with(mut self, services: Services) -> Self {
        self.services = services;
        self
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` is set; then requests that are under way have a few seconds to finish.
    pub fn run(self, stop: &CancelFlag) -> Result<(), Error> {
        let limits = self.settings.limits;
        let app = App::new(self.settings, self.services, self.access)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .max_blocking_threads(SLOW_THREADS)
            .thread_name("server")
            .enable_all()
            .build()
            .map_err(Error::Threads)?;
        let listener = (self.listener, self.address);
        let done = runtime.block_on(accept(listener, &app, stop));
        // What nobody waits for any more is not waited for either.
        runtime.shutdown_timeout(limits.farewell);
        done
    }
}

async fn accept(
    (listener, address): (TcpListener, SocketAddr),
    app: &App,
    stop: &CancelFlag,
) -> Result<(), Error> {
    let listener = tokio::net::TcpListener::from_std(listener);
    let listener = listener.map_err(|source| Error::Listen { address, source })?;
    let (router, limits) = (router_of(app, address), app.limits());
    let rounds = Arc::new(app.rounds());
    let open = GracefulShutdown::new();
    let tidying = tokio::spawn(tidy(app.clone()));
    let room = room_of(limits, app.access());
    let stopped = async {
        let mut glances = interval(GLANCE);
        while !stop.is_cancelled() {
            glances.tick().await;
        }
    };
    tokio::pin!(stopped);
    loop {
        let next = async {
            let place = room.place().await;
            (listener.accept().await, place)
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            () = &mut stopped => break,
        };
        match accepted {
            (Ok((stream, peer)), place) => {
                let peer = peer.ip();
                let Some(seat) = place.and_then(|place| room.seat(place, peer)) else {
                    turn_away(stream);
                    continue;
                };
                let answering = (router.clone(), Arc::clone(&rounds));
                let limits = hurried(limits, &room);
                let answering = serve(stream, peer, answering, (&limits, open.watcher()));
                tokio::spawn(async move {
                    answering.await;
                    drop(seat);
                });
            }
            // Such as too many open files: others may close theirs.
            (Err(_), _) => sleep(GLANCE).await,
        }
    }
    drop(listener);
    tidying.abort();
    app.clients().dismiss();
    let _ = timeout(limits.farewell, open.shutdown()).await;
    Ok(())
}

/// The room for connections. Where they come through a proxy, all are from its address.
fn room_of(limits: &Limits, access: &Access) -> Room {
    let most = most_connections();
    let of_each = limits.connections_of_each.min(part_of(most));
    let of_each = (!access.is_behind_proxy).then_some(of_each);
    Room::new(limits.connections.min(most), of_each)
}

/// What one address has of so many connections.
fn part_of(connections: usize) -> usize {
    (connections / 4).max(LEAST_CONNECTIONS)
}

/// Who comes when few places are left has to say soon what it wants.
fn hurried(limits: &Limits, room: &Room) -> Limits {
    let mut limits = *limits;
    if room.is_scarce() {
        limits.head = limits.head.min(limits.hurried_head);
    }
    limits
}

/// As many connections as the system lets us have files open, each with one that it reads.
#[cfg(unix)]
fn most_connections() -> usize {
    use rustix::process::{Resource, getrlimit};
    let files = getrlimit(Resource::Nofile).current;
    let files = files.and_then(|files| usize::try_from(files).ok());
    files.map_or(usize::MAX, connections_of)
}

#[cfg(not(unix))]
fn most_connections() -> usize {
    usize::MAX
}

/// As many connections as fit into so many open files.
#[cfg(unix)]
fn connections_of(files: usize) -> usize {
    (files.saturating_sub(OTHER_FILES) / 2).max(LEAST_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn connections_and_what_they_read_fit_into_the_open_files() {
        assert_eq!(connections_of(1024), 448);
        assert_eq!(connections_of(64), 16);
        assert!(most_connections() > 0);
    }

    #[test]
    fn addresses_are_numbers_with_a_port() {
        for (text, address) in [
            ("127.0.0.1:7860", "127.0.0.1:7860"),
            ("localhost:80", "127.0.0.1:80"),
            ("[::1]:0", "[::1]:0"),
            ("127.9.9.9:1", "127.9.9.9:1"),
        ] {
            let parsed: ListenAddress = text.parse().unwrap();
            assert_eq!(parsed.to_string(), address);
        }
        let refused = |text: &str| text.parse::<ListenAddress>().unwrap_err().to_string();
        for (text, is_loopback) in [
            ("127.9.9.9:1", true),
            ("[::1]:1", true),
            ("0.0.0.0:7860", false),
            ("[::]:7860", false),
            ("192.168.1.5:80", false),
            ("[::ffff:127.0.0.1]:80", false),
        ] {
            let parsed: ListenAddress = text.parse().unwrap();
            assert_eq!(parsed.is_loopback(), is_loopback, "{text}");
        }
        for (text, problem) in [
            ("127.0.0.1", "no port"),
            ("example.org:80", "no address of numbers"),
            ("localhost:x", "the port"),
            ("localhost:70000", "the port"),
            ("", "no address"),
        ] {
            let error = refused(text);
            assert!(error.contains(problem), "{error}");
        }
    }
}
