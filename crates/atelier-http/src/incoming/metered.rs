//! A body that comes in small pieces and does not grow in memory.
//!
//! The parser of forms reads as far ahead as it can, and looks for the end of a part's head in all of it again and again: a
//! head without an end would take all memory and a processor. So it gets one piece at a time, and few without progress.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_core::Stream;

/// What may come in before the parser makes something of it.
const MOST_BYTES: usize = 256 << 10;

/// To be told whenever the parser made something of what came in.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicUsize>);

impl Progress {
    /// The parser made something of it.
    pub fn made(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// The body.
struct Metered {
    body: BodyDataStream,
    waiting: Progress,
    /// Whether the parser has its piece for this time.
    is_fed: bool,
}

/// The same body, as long as progress is told.
pub fn metered(body: Body) -> (Body, Progress) {
    let waiting = Progress::default();
    let metered = Metered {
        body: body.into_data_stream(),
        waiting: waiting.clone(),
        is_fed: false,
    };
    (Body::from_stream(metered), waiting)
}

impl Stream for Metered {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_fed {
            self.is_fed = false;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = std::task::ready!(Pin::new(&mut self.body).poll_next(context));
        self.is_fed = true;
        if let Some(Ok(piece)) = &piece {
            let length = piece.len();
            let waiting = &self.waiting.0;
            let before = waiting.fetch_add(length, Ordering::Relaxed);
            // One piece alone may be longer.
            if before > 0 && before + length > MOST_BYTES {
                let problem = format!("the head of a part has more than {MOST_BYTES} bytes");
                return Poll::Ready(Some(Err(axum::Error::new(problem))));
            }
        }
        Poll::Ready(piece)
    }
}
