//! A stream whose other end has to take what is sent: one that takes nothing, or too little, for too long is an error, whatever
//! the answer.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::Limits;
use crate::credit::Credit;

/// The stream.
#[derive(Debug)]
pub(crate) struct Patient<S> {
    stream: S,
    credit: Credit,
}

impl<S> Patient<S> {
    /// One whose other end is waited for within limits.
    pub(crate) fn new(stream: S, limits: &Limits) -> Self {
        Self {
            stream,
            credit: Credit::new(limits),
        }
    }

    /// What came of sending, or an error where too little came of it for too long.
    fn judged<T>(
        &mut self,
        context: &mut Context<'_>,
        sent: Poll<io::Result<T>>,
        bytes: impl FnOnce(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(sent) = sent {
            self.credit.earn(sent.as_ref().map_or(0, bytes));
            return Poll::Ready(sent);
        }
        ready!(self.credit.poll_used_up(context));
        let problem = "the client took the answer too slowly";
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, problem)))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judged(context, sent, |sent| *sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.judged(context, sent, |sent| *sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = Pin::new(&mut self.stream).poll_flush(context);
        self.judged(context, sent, |()| 0)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = Pin::new(&mut self.stream).poll_shutdown(context);
        self.judged(context, sent, |()| 0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::{sleep, timeout};

    use super::*;

    #[tokio::test]
    async fn who_takes_enough_now_and_then_is_waited_for_and_others_are_not() {
        // Time passes when nothing else is to be done.
        tokio::time::pause();
        let limits = Limits {
            pause: Duration::from_secs(30),
            least_bytes_per_sec: 1,
            ..Limits::default()
        };
        // What the other end takes at once, and every 29 seconds.
        for (taken, is_enough) in [(30, true), (10, false)] {
            let (mut client, server) = duplex(taken);
            let mut server = Patient::new(server, &limits);
            let taking = async {
                for _ in 0..9 {
                    sleep(Duration::from_secs(29)).await;
                    let mut taken = vec![0; taken];
                    let taking = client.read_exact(&mut taken);
                    let _ = timeout(Duration::from_millis(1), taking).await;
                }
            };
            let bytes = vec![0; taken * 10];
            let (sent, ()) = tokio::join!(server.write_all(&bytes), taking);
            assert_eq!(sent.is_ok(), is_enough);
            // And one that takes nothing.
            let error = server.write_all(&bytes).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
    }
}
