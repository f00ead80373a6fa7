//! A body whose client has to send it at some rate: one that comes too slowly is an error.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use crate::Limits;
use crate::credit::Credit;

/// A client that was waited for long enough.
#[derive(Debug, thiserror::Error)]
#[error("the request's body came too slowly")]
pub struct TooSlow;

/// The body.
#[derive(Debug)]
struct Steady {
    body: Body,
    credit: Credit,
}

/// A request whose body, if any, has to keep within limits.
pub fn steady(request: Request, limits: &Limits) -> Request {
    if request.body().is_end_stream() {
        return request;
    }
    let credit = Credit::new(limits);
    request.map(|body| Body::new(Steady { body, credit }))
}

impl HttpBody for Steady {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            let data = frame.as_ref().and_then(|frame| frame.as_ref().ok());
            let bytes = data.and_then(Frame::data_ref).map_or(0, Bytes::len);
            self.credit.earn(bytes);
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        ready!(self.credit.poll_used_up(context));
        Poll::Ready(Some(Err(TooSlow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
