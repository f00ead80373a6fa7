//! Where tensors live, and what happens when that place fails.
//!
//! Operations on graphics processors are carried out later than they are asked for, by threads of the tensor library. What
//! goes wrong there ends in a panic of such a thread; the work that reads the result learns little more than that there is
//! none, or nothing. So [`listen`] keeps the first words of those threads for [`guard`]. What reading tells travels by
//! unwinding, from the place that reads, because the tensor library's operations have no result that could carry it.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;

use burn::backend::DispatchDevice;
use burn::tensor::Device;

/// A device did not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceFailure {
    /// It has no room left, or none for something so large.
    #[error("out of memory")]
    OutOfMemory,
    /// Something else, in the words of the driver or of the tensor library.
    #[error("{0}")]
    Other(String),
}

/// How the tensor library and drivers say that there is no room, or none for something so large.
const NO_ROOM: [&str; 5] = [
    "out of device memory",
    "out of memory",
    "out-of-memory",
    "not enough memory",
    "can't allocate",
];

impl DeviceFailure {
    /// What a failure of the tensor library means; it tells kinds apart by their words alone.
    fn of(text: &str) -> Self {
        let lower = text.to_lowercase();
        if NO_ROOM.iter().any(|words| lower.contains(words)) {
            return Self::OutOfMemory;
        }
        // What follows names places in the code of the library.
        let lines = text.lines().map(str::trim);
        let words = lines.take_while(|line| !line.to_lowercase().starts_with("backtrace"));
        let words: Vec<_> = words.filter(|line| !line.is_empty()).collect();
        Self::Other(words.join(" "))
    }

    /// The failure that the tensor library tells by an error.
    pub(crate) fn from_error(error: &impl ToString) -> Self {
        Self::of(&error.to_string())
    }

    /// Ends the work that cannot go on, up to the nearest [`guard`], without a word on the terminal.
    pub fn raise(self) -> ! {
        resume_unwind(Box::new(self))
    }
}

/// Does `work` on `device`, and gives what the device says when it fails.
///
/// What `work` was building is dropped; nothing of it may be used afterwards. A result is none either when a thread of the
/// device failed: it may have been computed from what was never written. Work may be guarded within guarded work, which
/// then fails too, unless the device has [recovered](recover). Of graphics processors one is at work at a time; words of
/// another one would be taken for its own.
pub fn guard<T>(device: &Device, work: impl FnOnce() -> T) -> Result<T, DeviceFailure> {
    if is_processor(device) {
        return settled(catch_unwind(AssertUnwindSafe(work)), None);
    }
    heard().begin();
    let done = catch_unwind(AssertUnwindSafe(work));
    settled(done, heard().end())
}

/// Makes `device` ready for work that needs nothing of guarded work which failed: waits until all that it was asked for is
/// done or has failed, and forgets what its threads said.
pub fn recover(device: &Device) {
    if is_processor(device) {
        return;
    }
    // What fails here belongs to the work that failed.
    drop(catch_unwind(AssertUnwindSafe(|| device.sync())));
    heard().forget();
}

/// What work comes to, when threads of the device `said` something.
fn settled<T>(
    done: Result<T, Box<dyn Any + Send>>,
    said: Option<String>,
) -> Result<T, DeviceFailure> {
    if let Some(text) = said {
        return Err(DeviceFailure::of(&text));
    }
    done.map_err(|payload| match payload.downcast::<DeviceFailure>() {
        Ok(failure) => *failure,
        Err(other) => resume_unwind(other),
    })
}

/// What threads of devices said.
struct Heard {
    /// How many pieces of guarded work are under way.
    guards: usize,
    /// The first words since the first of these began; what follows only follows from it.
    first: Option<String>,
}

static HEARD: Mutex<Heard> = Mutex::new(Heard {
    guards: 0,
    first: None,
});

/// Every change of it is whole, so that a panic in between leaves nothing half done.
fn heard() -> MutexGuard<'static, Heard> {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Heard {
    /// What was said without any work under way, is of none that still could fail.
    fn begin(&mut self) {
        if self.guards == 0 {
            self.forget();
        }
        self.guards += 1;
    }

    fn end(&mut self) -> Option<String> {
        self.guards -= 1;
        self.first.clone()
    }

    fn forget(&mut self) {
        self.first = None;
    }

    fn add(&mut self, info: &PanicHookInfo<'_>) {
        if self.first.is_none() {
            let text = info.payload_as_str().unwrap_or("no reason was given");
            self.first = Some(text.to_owned());
        }
    }
}

/// Keeps from now on what the tensor library's threads for devices say when they fail, in place of the terminal, where they
/// would say it once for each operation that waits.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if is_of_device(thread::current().name()) {
                heard().add(info);
            } else {
                tell(info);
            }
        }));
    });
}

/// Whether a thread of this name works for a device.
fn is_of_device(name: Option<&str>) -> bool {
    name.is_some_and(|name| name.starts_with("DSD-") || name.starts_with("DSU-"))
}

/// Whether tensors on `device` lie in this processor's memory, where the kernels run.
pub fn is_processor(device: &Device) -> bool {
    let plain = device.clone().without_autodiff();
    matches!(plain.as_dispatch(), DispatchDevice::Flex(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> DeviceFailure {
        DeviceFailure::of("lost")
    }

    #[test]
    fn a_failure_comes_out_of_the_work_and_other_panics_go_on() {
        let device = Device::flex();
        assert_eq!(guard(&device, || 3), Ok(3));
        assert_eq!(guard(&device, || -> u8 { lost().raise() }), Err(lost()));
        let defect = || -> u8 { resume_unwind(Box::new("a defect")) };
        let other = catch_unwind(|| guard(&device, defect));
        assert_eq!(other.unwrap_err().downcast_ref(), Some(&"a defect"));
    }

    #[test]
    fn what_a_thread_of_the_device_says_counts_more_than_what_became_of_the_work() {
        let full = || Some("wgpu error: Out of Memory".to_owned());
        let failures = [
            settled(Ok(3), full()),
            settled(Err(Box::new(lost())), full()),
            settled(Err(Box::new("never allocated")), full()),
        ];
        assert_eq!(failures, [const { Err(DeviceFailure::OutOfMemory) }; 3]);
    }

    #[test]
    fn the_first_words_of_a_thread_of_the_device_are_kept_for_the_work() {
        let fail = |words: &'static str| {
            let thread = thread::Builder::new().name("DSD-0-0".to_owned());
            let thread = thread.spawn(move || panic!("{words}")).unwrap();
            assert!(thread.join().is_err());
        };
        listen();
        fail("before any work");
        heard().begin();
        fail("lost");
        fail("what follows from it");
        heard().begin();
        let inner = heard().end();
        let outer = heard().end();
        assert_eq!([inner.as_deref(), outer.as_deref()], [Some("lost"); 2]);
        heard().begin();
        fail("of work that can be done without");
        assert!(heard().end().is_some());
        heard().begin();
        heard().begin();
        fail("of work within, that can be done without");
        assert!(heard().end().is_some());
        heard().forget();
        heard().begin();
        let next = heard().end();
        let outer = heard().end();
        assert_eq!([next, outer], [None, None]);
    }

    #[test]
    fn no_room_is_told_in_many_words() {
        for text in [
            "An error happened\nCaused by:\n  out of device memory allocating 12 bytes",
            "wgpu error: Out of Memory",
            "can't allocate buffer of size: 12",
            "Can't allocate 12 bytes: every page size the memory tracks still holds live allocations",
        ] {
            assert_eq!(DeviceFailure::of(text), DeviceFailure::OutOfMemory);
        }
    }

    #[test]
    fn what_is_said_ends_where_places_in_code_begin() {
        let failure = DeviceFailure::of("lost\n  for good\nBacktrace\n 0: a::b\n");
        assert_eq!(failure.to_string(), "lost for good");
    }
}
