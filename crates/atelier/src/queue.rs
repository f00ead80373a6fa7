//! The queue of this program: its workers are processes of the same program.

use std::fmt::Display;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use atelier_failure::CodedResult as _;
use atelier_jobs::{ChildProcess, Limits, Queue, Settings};
use atelier_store::Library;

use crate::context::App;
use crate::env_vars::ATELIER_HOME;
use crate::memory;

/// Begins to do what is queued in the library.
pub(crate) fn open(app: &App, library: Library) -> Result<Queue> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let home = fs_err::canonicalize(app.settings.library_home()?)?;
    let environment = vec![(ATELIER_HOME.into(), home.into())];
    let output = app.output;
    Queue::open(Settings {
        library,
        executor: Box::new(ChildProcess::new(program, Vec::new(), environment)),
        clock: app.shared_clock(),
        free_bytes: Arc::new(memory::free_bytes),
        note: Arc::new(move |text: &dyn Display| output.note(text)),
        limits: Limits::default(),
        stops_at: None,
    })
    .coded()
}
