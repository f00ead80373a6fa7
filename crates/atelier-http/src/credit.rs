//! How long a slow client is waited for: it begins with some credit of time, waiting uses it up, and each byte earns some back.
//! Neither a client that pauses nor one that drips a byte now and then keeps its place for long; one that keeps up does for
//! hours.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use crate::Limits;

/// The credit of a client in the middle of a body or an answer.
#[derive(Debug)]
pub(crate) struct Credit {
    most: Duration,
    bytes_per_sec: u64,
    left: Duration,
    /// Since when it is waited for, and until it has no credit left.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Credit {
    /// The credit that a client begins with, and never has more than.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            most: limits.pause,
            bytes_per_sec: limits.least_bytes_per_sec,
            left: limits.pause,
            waiting: None,
        }
    }

    /// The client sent or took so many bytes, and is waited for no longer.
    pub(crate) fn earn(&mut self, bytes: usize) {
        if let Some((since, _)) = self.waiting.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        if self.left < self.most {
            let secs = bytes as f64 / self.bytes_per_sec.max(1) as f64;
            let earned = Duration::try_from_secs_f64(secs).unwrap_or(self.most);
            self.left = self.left.saturating_add(earned).min(self.most);
        }
    }

    /// The client is waited for: ready when it has no credit left.
    pub(crate) fn poll_used_up(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let left = self.left;
        let (_, end) = self
            .waiting
            .get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        end.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// Waits for a client for so long; whether its credit is used up then.
    async fn is_used_up(credit: &mut Credit, secs: u64) -> bool {
        let used_up = poll_fn(|context| credit.poll_used_up(context));
        let waited = tokio::time::timeout(Duration::from_secs(secs), used_up);
        waited.await.is_ok()
    }

    #[tokio::test]
    async fn waiting_uses_credit_up_and_bytes_earn_it_back() {
        // Time passes when nothing else is to be done.
        tokio::time::pause();
        let limits = Limits {
            pause: Duration::from_secs(30),
            least_bytes_per_sec: 1_000,
            ..Limits::default()
        };
        let mut steady = Credit::new(&limits);
        for _ in 0..1_000 {
            assert!(!is_used_up(&mut steady, 20).await);
            steady.earn(20_000);
        }
        // A gigabyte gives no more credit than there is at first.
        steady.earn(1 << 30);
        assert!(is_used_up(&mut steady, 31).await);
        let mut dripping = Credit::new(&limits);
        assert!(!is_used_up(&mut dripping, 20).await);
        dripping.earn(1);
        assert!(is_used_up(&mut dripping, 11).await);
    }
}
