//! What every command gets: settings, output, cancellation, time.

use std::fmt::Display;
use std::sync::{Arc, Once};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use atelier_core::{
    AlwaysPermitted, CancelFlag, Clock, DeviceChoice, ErrorCode, Precision, ProgressSink,
    RunContext,
};
use atelier_diffusion::stable_diffusion::PackedFolder;
use atelier_failure::{Cancelled, CodedResult as _};
use atelier_hub::{Fetched, HubSource};
use atelier_kept::{KeptHashes, KeptPacked};
use atelier_store::Library;

use crate::device::{self, Chosen};
use crate::output::Output;
use crate::settings::{PackedSettings, Settings};

/// Exit status of a command that was asked to stop: 128 and the number of SIGINT.
pub const CANCELLED_STATUS: u8 = 130;

/// How a command ended that has said what there is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitKind {
    /// It did what it was asked to do.
    Completed,
    /// It was asked to stop, and saved what it had.
    Cancelled,
    /// A status that the queue reads.
    Status(i32),
    /// It failed in part or in the middle, and has said so together with what it did.
    Failed(ErrorCode),
}

/// The surroundings of a command. Clones are the same ones.
#[derive(Debug, Clone)]
pub struct App {
    /// Where things lie.
    pub settings: Settings,
    /// The only way to print.
    pub output: Output,
    /// Set by Ctrl-C and SIGTERM.
    pub cancel: CancelFlag,
    /// Threads that compute, where the command line says how many.
    pub threads: Option<u16>,
    clock: SystemClock,
}

impl App {
    /// Reads the settings, chooses the instructions of kernels and starts to listen for Ctrl-C.
    pub fn start(output: Output, threads: Option<u16>) -> Result<Self> {
        let cancel = CancelFlag::default();
        listen(cancel.clone(), output)?;
        let settings = Settings::from_environment()?;
        settings.choose_instructions()?;
        Ok(Self {
            settings,
            output,
            cancel,
            threads,
            clock: SystemClock,
        })
    }

    /// What time it is.
    pub fn clock(&self) -> &dyn Clock {
        &self.clock
    }

    /// The same for threads that outlive the command.
    pub fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock)
    }

    /// The device that networks compute on in `precision`: that of the flag, else that of the settings.
    pub fn device(&self, flag: Option<DeviceChoice>, precision: Precision) -> Result<Chosen> {
        let choice = flag.unwrap_or(self.settings.device.value);
        let chosen = device::open(choice, precision).coded()?;
        if let Some(problem) = &chosen.passed_over {
            let name = &chosen.name;
            self.output
                .note(format_args!("note: {problem}; using {name}"));
        }
        Ok(chosen)
    }

    /// The hashes of weights, of which the program keeps a record.
    pub fn hashes(&self) -> KeptHashes<'_> {
        KeptHashes::new(self.settings.hashes_folder(), &self.clock)
    }

    /// Packed weights of bases, which make later starts quick.
    pub fn packed(&self) -> KeptPacked<'_> {
        let PackedSettings { folder, most_bytes } = &self.settings.packed;
        KeptPacked::new(folder.clone(), most_bytes.value, &self.clock)
    }

    /// The folder that bases take them from, where they are kept.
    pub fn packed_folder(&self) -> Option<PackedFolder> {
        let room = self.packed().room()?;
        let mut folder = PackedFolder::new(room.folder);
        (folder.least_bytes, folder.most_bytes) = (room.least_bytes, room.most_bytes);
        Some(folder)
    }

    /// The library in the program's own place, made where there is none.
    pub fn library(&self) -> Result<Library> {
        let home = self.settings.library_home()?;
        Library::open(home, Arc::new(self.clock)).coded()
    }

    /// The library in the program's own place, where there is one.
    pub fn existing_library(&self) -> Result<Library> {
        let home = self.settings.library_home()?;
        Library::open_existing(home, Arc::new(self.clock)).coded()
    }

    /// The library in the program's own place for a look, made where there is none. Where nothing can be written, it is only read,
    /// which is said once.
    pub fn library_to_look(&self) -> Result<Library> {
        static SAID: Once = Once::new();
        let home = self.settings.library_home()?;
        let library = Library::open_to_look(home, Arc::new(self.clock)).coded()?;
        if let Some(obstacle) = library.obstacle() {
            let say = |text: &dyn Display| self.output.note(text);
            SAID.call_once(|| say(&format_args!("note: {obstacle}; the library is only read")));
        }
        Ok(library)
    }

    /// The same where there is a library.
    pub fn existing_library_to_look(&self) -> Result<Library> {
        match self.library_if_any()? {
            Some(library) => Ok(library),
            None => self.existing_library(),
        }
    }

    /// The library in the program's own place for a look, if there is one; none is made.
    pub fn library_if_any(&self) -> Result<Option<Library>> {
        let has = self.settings.has_library();
        has.then(|| self.library_to_look()).transpose()
    }

    /// A base from a model hub, downloaded as far as it is not on this machine.
    pub(crate) fn fetch(&self, source: &HubSource) -> Result<Fetched> {
        let progress = self.output.progress();
        let note = |text: &dyn Display| self.output.note(text);
        atelier_hub::fetch(source, self.run_context(&progress), &note)
    }

    /// What long work gets; progress goes to `progress`, usually `app.output.progress()`.
    pub fn run_context<'a>(&'a self, progress: &'a dyn ProgressSink) -> RunContext<'a> {
        RunContext {
            cancel: &self.cancel,
            progress,
            clock: &self.clock,
            permit: &AlwaysPermitted,
        }
    }
}

/// What long work on the library gave, unless it was asked to stop.
pub fn finished<T>(result: Result<T, atelier_store::Error>) -> Result<T> {
    match result {
        Err(atelier_store::Error::Cancelled) => Err(Cancelled.into()),
        result => result.coded(),
    }
}

/// The first signal asks the work to stop at its next step, the second ends the program.
fn listen(cancel: CancelFlag, output: Output) -> Result<()> {
    ctrlc::set_handler(move || {
        if cancel.is_cancelled() {
            exit_at_once();
        }
        cancel.cancel();
        output.note("stopping after this step; press Ctrl-C again to stop at once");
    })
    .context("cannot listen for Ctrl-C")
}

#[expect(
    clippy::exit,
    reason = "the second signal says that waiting for the work is not wanted"
)]
fn exit_at_once() -> ! {
    std::process::exit(i32::from(CANCELLED_STATUS))
}

/// The clock of the system.
#[derive(Debug, Clone, Copy)]
struct SystemClock;

impl Clock for SystemClock {
    fn unix_secs(&self) -> f64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0.0, |since| since.as_secs_f64())
    }
}
