//! The disk that uploads come to, which other programs need as well.

use std::path::PathBuf;

use atelier_core::ErrorCode;
use axum::http::StatusCode;

use crate::answer::Failure;

/// After as many bytes it is looked again how full it is.
const LOOK_BYTES: u64 = 32 << 20;

/// How full a disk may become.
#[derive(Debug, Clone)]
pub struct Disk {
    folder: PathBuf,
    spare_bytes: u64,
    /// What was written since the last look; nothing when there was none.
    written: Option<u64>,
}

/// The disk has no room for more.
#[derive(Debug, Clone, Copy)]
pub struct Full {
    spare_bytes: u64,
}

impl Disk {
    /// The one that a folder is on, as long as more than `spare_bytes` are free.
    pub fn new(folder: PathBuf, spare_bytes: u64) -> Self {
        Self {
            folder,
            spare_bytes,
            written: None,
        }
    }

    /// Asked before so many bytes are written.
    pub fn take(&mut self, bytes: u64) -> Result<(), Full> {
        let written = self.written.map(|written| written + bytes);
        if let Some(written) = written.filter(|written| *written < LOOK_BYTES) {
            self.written = Some(written);
            return Ok(());
        }
        self.written = Some(0);
        // What the system does not say is found out by writing.
        let free = fs4::available_space(&self.folder).unwrap_or(u64::MAX);
        let spare_bytes = self.spare_bytes;
        if free >= spare_bytes {
            Ok(())
        } else {
            Err(Full { spare_bytes })
        }
    }
}

impl From<Full> for Failure {
    fn from(Full { spare_bytes }: Full) -> Self {
        let message = format!(
            "the studio's disk has less than {} MB free",
            spare_bytes / 1_000_000
        );
        Self::new(ErrorCode::Io, message).with_status(StatusCode::INSUFFICIENT_STORAGE)
    }
}
