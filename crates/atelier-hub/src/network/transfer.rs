//! One request on a thread of its own, so that Ctrl-C is noticed while the other side is silent.

use std::io::{ErrorKind, Read as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;

use atelier_core::{CancelFlag, ErrorCode};
use ureq::http::HeaderMap;
use ureq::{Agent, Proxy};

use crate::network::roots::with_advice;
use crate::network::settings::Token;
use crate::network::trouble::{GLANCE, Trouble};

/// Bytes per piece of a body.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that may wait for the disk.
const PIECES_AHEAD: usize = 8;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Call {
    /// The whole address.
    pub(crate) url: String,
    /// Sent with the request.
    pub(crate) token: Option<Token>,
    /// What it goes through.
    pub(crate) proxy: Option<Proxy>,
    /// First wanted byte.
    pub(crate) from: u64,
}

/// Status and headers of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
}

impl Head {
    /// A header, where it is there and readable.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

enum Event {
    Head(Head),
    Piece(Vec<u8>),
    Failed { reason: String, lasting: bool },
}

/// A running request.
pub(crate) struct Transfer {
    events: Receiver<Event>,
    cancel: CancelFlag,
}

impl Transfer {
    /// Sends the request and waits for the head of the answer.
    pub(crate) fn start(
        agent: &Agent,
        call: Call,
        cancel: &CancelFlag,
    ) -> Result<(Head, Self), Trouble> {
        let (sender, events) = sync_channel(PIECES_AHEAD);
        let agent = agent.clone();
        thread::Builder::new()
            .name("download".to_owned())
            .spawn(move || perform(&agent, &call, &sender))?;
        let transfer = Self {
            events,
            cancel: cancel.clone(),
        };
        match transfer.next_event()? {
            Some(Event::Head(head)) => Ok((head, transfer)),
            Some(Event::Failed { reason, lasting }) => Err(failure(reason, lasting)),
            Some(Event::Piece(_)) | None => Err(Trouble::passing("the request ended unanswered")),
        }
    }

    /// The next piece of the body; `None` at its end.
    pub(crate) fn piece(&mut self) -> Result<Option<Vec<u8>>, Trouble> {
        match self.next_event()? {
            Some(Event::Piece(piece)) => Ok(Some(piece)),
            Some(Event::Failed { reason, lasting }) => Err(failure(reason, lasting)),
            Some(Event::Head(_)) | None => Ok(None),
        }
    }

    fn next_event(&self) -> Result<Option<Event>, Trouble> {
        loop {
            if self.cancel.is_cancelled() {
                return Err(Trouble::cancelled());
            }
            match self.events.recv_timeout(GLANCE) {
                Ok(event) => return Ok(Some(event)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
        }
    }
}

fn failure(reason: String, lasting: bool) -> Trouble {
    if lasting {
        return Trouble::lasting(ErrorCode::Network, reason);
    }
    Trouble::passing(reason)
}

/// An address or a certificate does not get better by asking again.
fn is_lasting(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(error) => error.kind() == ErrorKind::InvalidData,
        ureq::Error::Timeout(_)
        | ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Protocol(_) => false,
        _ => true,
    }
}

/// Ends early when nobody listens any more.
fn perform(agent: &Agent, call: &Call, events: &SyncSender<Event>) {
    let fail = |reason: String, lasting: bool| {
        let _ = events.send(Event::Failed { reason, lasting });
    };
    let request = agent.get(&call.url).config().proxy(call.proxy.clone());
    let mut request = request.build().header("accept-encoding", "identity");
    if let Some(token) = &call.token {
        request = request.header("authorization", token.header());
    }
    if call.from > 0 {
        request = request.header("range", format!("bytes={}-", call.from));
    }
    let (parts, body) = match request.call() {
        Ok(response) => response.into_parts(),
        Err(error) => return fail(with_advice(error.to_string()), is_lasting(&error)),
    };
    let head = Head {
        status: parts.status.as_u16(),
        headers: parts.headers,
    };
    let mut heard = events.send(Event::Head(head));
    let mut reader = body.into_reader();
    while heard.is_ok() {
        let mut piece = vec![0; PIECE_BYTES];
        match reader.read(&mut piece) {
            Ok(0) => return,
            Ok(count) => {
                piece.truncate(count);
                heard = events.send(Event::Piece(piece));
            }
            Err(error) => return fail(error.to_string(), false),
        }
    }
}
