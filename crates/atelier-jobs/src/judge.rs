//! What becomes of an attempt: one table of what it wrote and whether it lives. Asking it twice gives the same answer.

use atelier_core::ErrorCode;

use crate::executor::Standing;
use crate::files::{AttemptFiles, Failed, Manifest};
use crate::worker::EXIT_STOPPED;

/// What is to be done about an attempt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// It goes on.
    Alive,
    /// All is done, whatever its process says or does.
    Done(Manifest),
    /// It said why it cannot be done.
    Failed(Failed),
    /// It said why it cannot be done now, which may pass without anybody changing the job.
    NotNow(Failed),
    /// It was asked to stop, and did.
    Stopped,
    /// Nobody ever began it.
    NeverBegun,
    /// It ended without a word.
    Lost(Option<i32>),
}

/// Reads what an attempt left. A file that cannot be read says nothing.
pub(crate) fn judge(files: &AttemptFiles, token: &str, standing: Standing) -> Verdict {
    if let Ok(Some(manifest)) = files.read_manifest()
        && manifest.token == token
    {
        return Verdict::Done(manifest);
    }
    let status = match standing {
        Standing::Alive => return Verdict::Alive,
        Standing::Unknown => return Verdict::NeverBegun,
        Standing::Ended(status) => status,
    };
    if let Ok(Some(failed)) = files.read_failed() {
        return if may_pass(&failed) {
            Verdict::NotNow(failed)
        } else {
            Verdict::Failed(failed)
        };
    }
    if files.is_to_stop() || status == Some(EXIT_STOPPED) {
        return Verdict::Stopped;
    }
    Verdict::Lost(status)
}

/// A full disk, memory that others have, and a run that somebody else trains are matters of the moment.
fn may_pass(failed: &Failed) -> bool {
    let passing = [
        ErrorCode::Io,
        ErrorCode::NotEnoughMemory,
        ErrorCode::Conflict,
    ];
    passing.iter().any(|code| code.name() == failed.code)
}
