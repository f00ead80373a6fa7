//! An answer that several clients get.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use axum::http::header::CONTENT_ENCODING;
use axum::http::response::Parts;
use axum::response::Response;
use http_body_util::BodyExt as _;
use hyper::body::Frame;

/// Larger ones are for one client alone.
const MOST_BYTES: usize = 4 << 20;

/// The answer.
#[derive(Debug)]
pub(super) struct Answer(Parts, Bytes);

impl Answer {
    /// The answer for all who asked, unless it is large, has no end that is known, or is a failure that another may not have,
    /// and the response for who was the first.
    pub(super) async fn of(response: Response) -> (Option<Self>, Response) {
        // What was made smaller on its way was whole before.
        let is_whole = response.headers().contains_key(CONTENT_ENCODING);
        let is_small = |bytes| bytes <= MOST_BYTES as u64;
        let bytes = response.body().size_hint().exact();
        let status = response.status();
        let is_for_one = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        if is_for_one || !bytes.map_or(is_whole, is_small) {
            return (None, response);
        }
        let (parts, body) = response.into_parts();
        let mut body = Begun {
            begin: Vec::new(),
            rest: body,
            failed: None,
        };
        match body.read().await {
            Some(bytes) => {
                let answer = Self(parts, bytes);
                let response = answer.response();
                (Some(answer), response)
            }
            None => (None, Response::from_parts(parts, Body::new(body))),
        }
    }

    /// The response for one of them.
    pub(super) fn response(&self) -> Response {
        let Self(parts, bytes) = self;
        Response::from_parts(parts.clone(), Body::from(bytes.clone()))
    }
}

/// A body of which the beginning was read already.
struct Begun {
    begin: Vec<u8>,
    rest: Body,
    /// Why no more could be read.
    failed: Option<axum::Error>,
}

impl Begun {
    /// The whole body where it is small; else it goes on from its beginning.
    async fn read(&mut self) -> Option<Bytes> {
        while self.begin.len() <= MOST_BYTES {
            match self.rest.frame().await {
                None => return Some(std::mem::take(&mut self.begin).into()),
                Some(Ok(frame)) => {
                    let data = frame.data_ref();
                    self.begin
                        .extend_from_slice(data.map_or(&[], Bytes::as_ref));
                }
                Some(Err(error)) => {
                    self.failed = Some(error);
                    return None;
                }
            }
        }
        None
    }
}

impl HttpBody for Begun {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.begin.is_empty() {
            let begin = Bytes::from(std::mem::take(&mut self.begin));
            return Poll::Ready(Some(Ok(Frame::data(begin))));
        }
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Some(Err(error)));
        }
        Pin::new(&mut self.rest).poll_frame(context)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    /// So many bytes of which only the sender knows how many there are; with an error after them or not.
    struct Streamed(usize, bool);

    impl HttpBody for Streamed {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
            let Self(left, fails) = &mut *self;
            let now = (*left).min(100_000);
            *left -= now;
            Poll::Ready(match now {
                0 => std::mem::take(fails).then(|| Err(axum::Error::new("it broke off"))),
                _ => Some(Ok(Frame::data(vec![7; now].into()))),
            })
        }
    }

    async fn length(response: Response) -> Option<usize> {
        let read = to_bytes(response.into_body(), usize::MAX).await;
        read.ok().map(|bytes| bytes.len())
    }

    #[tokio::test]
    async fn small_answers_are_for_all_and_others_come_whole_to_the_first() {
        let packed = |body| {
            let response = Response::builder().header(CONTENT_ENCODING, "gzip");
            response.body(body).unwrap()
        };
        let small = Body::from(vec![0; 1_000]);
        let (answer, response) = Answer::of(Response::new(small)).await;
        assert_eq!(length(response).await, Some(1_000));
        assert_eq!(length(answer.unwrap().response()).await, Some(1_000));
        let small = packed(Body::new(Streamed(250_000, false)));
        let (answer, response) = Answer::of(small).await;
        assert_eq!(length(response).await, Some(250_000));
        let again = answer.unwrap().response();
        assert!(again.headers().contains_key(CONTENT_ENCODING));
        assert_eq!(length(again).await, Some(250_000));
        let busy = Response::builder().status(StatusCode::SERVICE_UNAVAILABLE);
        for (response, expected) in [
            (busy.body(Body::from("busy")).unwrap(), Some(4)),
            (
                Response::new(Body::from(vec![0; MOST_BYTES + 1])),
                Some(MOST_BYTES + 1),
            ),
            (
                packed(Body::new(Streamed(MOST_BYTES * 3, false))),
                Some(MOST_BYTES * 3),
            ),
            (packed(Body::new(Streamed(MOST_BYTES * 3, true))), None),
            (packed(Body::new(Streamed(10, true))), None),
            (Response::new(Body::new(Streamed(10, false))), Some(10)),
        ] {
            let (answer, response) = Answer::of(response).await;
            assert!(answer.is_none());
            assert_eq!(length(response).await, expected);
        }
    }
}
