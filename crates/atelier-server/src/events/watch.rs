//! Watches the queue on one thread, for however many clients.

use std::io;
use std::thread;
use std::time::Duration;

use atelier_jobs::Queue;
use tokio::sync::watch;

/// How long a look at the queue takes at most; after it, it is seen whether anybody still wants to know.
const LOOK: Duration = Duration::from_secs(1);

/// The newest revision of the queue.
#[derive(Debug)]
pub(crate) struct Watch(watch::Receiver<u64>);

impl Watch {
    /// Watches a queue until it ends, or nobody wants to know any more.
    pub(crate) fn new(queue: Queue) -> io::Result<Self> {
        let (told, revision) = watch::channel(0);
        let look = move || {
            let mut revision = 0;
            while !queue.has_ended() && !told.is_closed() {
                revision = queue.changes(revision, LOOK).revision;
                told.send_if_modified(|last| std::mem::replace(last, revision) != revision);
            }
        };
        thread::Builder::new()
            .name("events".to_owned())
            .spawn(look)?;
        Ok(Self(revision))
    }

    /// To be told when it changes; closed when nothing will change any more.
    pub(crate) fn revisions(&self) -> watch::Receiver<u64> {
        self.0.clone()
    }
}
