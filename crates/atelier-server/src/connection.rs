//! One connection.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;

use crate::limits::Limits;

/// The head of a request may take so much.
const HEAD_BYTES: usize = 64 << 10;

/// Answers the requests of a connection until it is closed, its client is too slow, or the server stops.
pub(crate) fn serve(
    stream: TcpStream,
    router: Router,
    limits: &Limits,
    watcher: Watcher,
) -> impl Future<Output = ()> + Send + 'static {
    // Answers are small; waiting for more to send with them would cost 40 ms.
    let _ = stream.set_nodelay(true);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(HEAD_BYTES);
    let service = TowerToHyperService::new(router);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let watched = watcher.watch(connection);
    async move {
        // Its errors are clients that went away or did not speak HTTP.
        let _ = watched.await;
    }
}
