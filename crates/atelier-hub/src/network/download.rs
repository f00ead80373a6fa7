//! One file from the hub into the cache: continued where an earlier call stopped, and believed only when its hash is
//! the announced one.

use anyhow::Result;
use atelier_core::{ErrorCode, Phase, Progress};

use crate::network::cache::{RepoCache, has_size};
use crate::network::client::{Client, RANGE_NOT_SATISFIABLE, encoded};
use crate::network::listing::{RemoteFile, is_web_page};
use crate::network::partial::Partial;
use crate::network::refusal::Wanted;
use crate::network::transfer::{Head, Transfer};
use crate::network::trouble::{Patience, Trouble};

/// Bytes of all files together.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Total {
    /// Of the files that are complete.
    pub(crate) done_bytes: u64,
    /// Of all of them; 0 where nothing is to be shown.
    pub(crate) all_bytes: u64,
}

/// Fetches one file.
pub(crate) struct Download<'a> {
    pub(crate) client: &'a Client<'a>,
    pub(crate) cache: &'a RepoCache,
    pub(crate) commit: &'a str,
    pub(crate) wanted: Wanted<'a>,
    pub(crate) file: &'a RemoteFile,
    pub(crate) total: Total,
}

impl Download<'_> {
    /// Returns when the content is in the cache, whoever brought it there.
    pub(crate) fn run(&self) -> Result<()> {
        if self.cache.has(self.commit, self.file) {
            return Ok(());
        }
        let (id, size_bytes) = (&self.file.id, self.file.size_bytes);
        let blob = self.cache.blob(id);
        let _lock = self.cache.lock(id, self.client)?;
        if has_size(&blob, size_bytes) {
            return Ok(());
        }
        let path = self.cache.partial(id);
        let mut partial = Partial::open(&path, id, size_bytes, self.client.run.cancel)?;
        self.report(&partial);
        self.client
            .persist(|patience| self.attempt(&mut partial, patience))?;
        partial.publish(&blob)
    }

    /// From what is there to the checked end, unless the connection ends before.
    fn attempt(&self, partial: &mut Partial, patience: &mut Patience) -> Result<(), Trouble> {
        if !partial.is_complete() {
            let (head, mut transfer) = self.open(partial)?;
            self.check_head(&head, partial)?;
            self.receive(&mut transfer, partial, patience)?;
        }
        if partial.is_right() {
            return Ok(());
        }
        let problem = format!(
            "{} does not have the announced hash `{}`",
            self.wanted,
            self.file.id.name()
        );
        if partial.is_resumed {
            // The earlier part may be to blame.
            partial.disown()?;
            return Err(Trouble::passing(format!("{problem}; it is fetched anew")));
        }
        partial.restart()?;
        Err(Trouble::lasting(ErrorCode::BadDownload, problem))
    }

    fn open(&self, partial: &Partial) -> Result<(Head, Transfer), Trouble> {
        let parts: Vec<_> = self.file.name.split('/').map(encoded).collect();
        let (repo, commit) = (self.wanted.repo, self.commit);
        let path = format!("/{repo}/resolve/{commit}/{}", parts.join("/"));
        self.client.open(&path, partial.done_bytes, &self.wanted)
    }

    /// Whether the answer continues what is there, and has the announced size.
    fn check_head(&self, head: &Head, partial: &mut Partial) -> Result<(), Trouble> {
        let expected = self.file.size_bytes;
        if is_web_page(head.header("content-type")) {
            let message = format!(
                "a web page came in place of {}; is there a login page or a proxy between",
                self.wanted
            );
            return Err(Trouble::lasting(ErrorCode::BadDownload, message));
        }
        let length = match head.status {
            RANGE_NOT_SATISFIABLE => {
                partial.restart()?;
                let message = format!("{} cannot be continued, it is fetched anew", self.wanted);
                return Err(Trouble::passing(message));
            }
            206 => {
                let range = head.header("content-range").and_then(range);
                let (from, length) = range.unwrap_or((u64::MAX, None));
                if from != partial.done_bytes {
                    partial.restart()?;
                    let message = format!("another part of {} came than asked for", self.wanted);
                    return Err(Trouble::passing(message));
                }
                length
            }
            _ => {
                if partial.done_bytes > 0 {
                    partial.restart()?;
                }
                head.header("content-length")
                    .and_then(|text| text.parse().ok())
            }
        };
        match length {
            Some(length) if length != expected => Err(self.wrong_size(&format!("{length}"))),
            _ => Ok(()),
        }
    }

    fn receive(
        &self,
        transfer: &mut Transfer,
        partial: &mut Partial,
        patience: &mut Patience,
    ) -> Result<(), Trouble> {
        let cut = |partial: &Partial, why: &str| {
            Trouble::passing(format!(
                "the connection ended after {} of {} bytes of {}{why}",
                partial.done_bytes, self.file.size_bytes, self.wanted
            ))
        };
        loop {
            let piece = match transfer.piece() {
                Ok(Some(piece)) => piece,
                Ok(None) if partial.is_complete() => return Ok(()),
                Ok(None) => return Err(cut(partial, "")),
                Err(Trouble::Passing { error, .. }) => {
                    return Err(cut(partial, &format!(": {error}")));
                }
                Err(trouble) => return Err(trouble),
            };
            if piece.len() as u64 > self.file.size_bytes - partial.done_bytes {
                partial.restart()?;
                return Err(self.wrong_size("more"));
            }
            if partial.add(&piece)? {
                patience.renew();
            }
            self.report(partial);
        }
    }

    fn wrong_size(&self, got: &str) -> Trouble {
        let message = format!(
            "{} has {got} bytes, the hub announced {}",
            self.wanted, self.file.size_bytes
        );
        Trouble::lasting(ErrorCode::BadDownload, message)
    }

    fn report(&self, partial: &Partial) {
        if self.total.all_bytes > 0 {
            self.client.progress().report(Progress {
                phase: Phase::Downloading,
                done: self.total.done_bytes + partial.done_bytes,
                total: self.total.all_bytes,
                loss: None,
            });
        }
    }
}

/// First byte and whole length of `bytes FROM-TO/LENGTH`.
fn range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, length) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let from = range.split_once('-')?.0.parse().ok()?;
    Some((from, length.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_with_or_without_the_length() {
        assert_eq!(range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(range("bytes 5-9/*"), Some((5, None)));
        for bad in ["", "bytes", "bytes */10", "5-9/10", "bytes -5-9/10"] {
            assert_eq!(range(bad), None, "{bad}");
        }
    }
}
