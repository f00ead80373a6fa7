//! The socket, with patience for slow clients that ends, and an end that lets requests finish.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use atelier_core::CancelFlag;
use atelier_http::connection::{serve, turn_away};
use atelier_http::room::Room;
use atelier_http::security::Access;
use atelier_http::{Error, ListenAddress};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::time::{interval, sleep, timeout};

use crate::app::{App, Services, Settings, router_of};
use crate::chores::tidy;

/// Threads that answer; what is slow has others.
const THREADS: usize = 2;
/// Threads for what is slow, at most.
const SLOW_THREADS: usize = 64;
/// How often it is looked whether to stop.
const GLANCE: Duration = Duration::from_millis(50);

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
        let address = SocketAddr::from(address);
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
    let room = Room::of(limits, app.access());
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
                let limits = room.hurried(limits);
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
