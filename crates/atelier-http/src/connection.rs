//! One connection.

use std::convert::Infallible;
use std::io::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use atelier_core::ErrorCode;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use tokio::net::TcpStream;
use tower::ServiceExt as _;

use crate::Limits;
use crate::answer::Failure;
use crate::patient::Patient;
use crate::rounds::{Asker, Rounds};
use crate::security::Peer;

/// The head of a request may take so much.
const HEAD_BYTES: usize = 64 << 10;

/// What the system takes ahead of a client that reads slowly. With its own choice of megabytes, a client that takes some all
/// the time would seem to take nothing for a minute.
#[cfg(unix)]
const UNSENT_BYTES: usize = 128 << 10;

/// Answers the requests of a connection until it is closed, its client is too slow, or the server stops.
pub fn serve(
    stream: TcpStream,
    peer: IpAddr,
    (router, rounds): (Router, Arc<Rounds>),
    (limits, watcher): (&Limits, Watcher),
) -> impl Future<Output = ()> + Send + 'static {
    // Answers are small; waiting for more to send with them would cost 40 ms.
    let _ = stream.set_nodelay(true);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(HEAD_BYTES);
    let asker = Arc::new(Asker::default());
    let service = service_fn(move |request: Request<Incoming>| {
        let (router, rounds) = (router.clone(), Arc::clone(&rounds));
        let asker = Arc::clone(&asker);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        async move {
            let answer = async |request| match router.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            Ok::<_, Infallible>(rounds.answer(&asker, request, answer).await)
        }
    });
    limit_unsent(&stream);
    let stream = Patient::new(stream, limits);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let watched = watcher.watch(connection);
    async move {
        // Its errors are clients that went away or did not speak HTTP.
        let _ = watched.await;
    }
}

/// Tells a client whose address has as many connections as one may have, as far as it takes that at once.
pub fn turn_away(stream: TcpStream) {
    let Ok(mut stream) = stream.into_std() else {
        return;
    };
    let message = "this address has as many connections as one may have; close some";
    let body = Failure::new(ErrorCode::Busy, message).body();
    let body = serde_json::to_string(&body).unwrap_or_default();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         cache-control: no-store\r\nretry-after: 2\r\nconnection: close\r\n\r\n{body}"
    );
    // Whoever does not take it sees that the connection is closed.
    let _ = stream.write_all(answer.as_bytes());
}

#[cfg(unix)]
fn limit_unsent(stream: &TcpStream) {
    // Without it, only more patience is needed with slow clients.
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(stream, UNSENT_BYTES);
}

#[cfg(not(unix))]
fn limit_unsent(_stream: &TcpStream) {}
