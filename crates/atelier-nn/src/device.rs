//! Where tensors live, and what happens when that place fails.
//!
//! Operations on graphics processors are carried out later than they are asked for, and what went wrong is known when values
//! are read. The tensor library's operations have no result that could carry it, so it travels by unwinding, from the place
//! that reads to [`guard`].

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

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

/// How the tensor library and drivers say that there is no room.
const NO_ROOM: [&str; 3] = ["out of device memory", "out of memory", "out-of-memory"];
const TOO_LARGE: &str = "can't allocate buffer";

impl DeviceFailure {
    /// What a failure of the tensor library means; it tells kinds apart by their words alone.
    fn of(text: &str) -> Self {
        let lower = text.to_lowercase();
        if NO_ROOM.iter().any(|words| lower.contains(words)) || lower.contains(TOO_LARGE) {
            return Self::OutOfMemory;
        }
        // What follows names places in the code of the library.
        let lines = text.lines().map(str::trim);
        let words = lines.take_while(|line| !line.to_lowercase().starts_with("backtrace"));
        let words: Vec<_> = words.filter(|line| !line.is_empty()).collect();
        Self::Other(words.join(" "))
    }

    /// Ends the work that cannot go on, up to the nearest [`guard`], without a word on the terminal.
    pub(crate) fn raise(text: &str) -> ! {
        resume_unwind(Box::new(Self::of(text)))
    }
}

/// Does `work`, and gives what the device says when it fails.
///
/// What `work` was building is dropped; nothing of it may be used afterwards.
pub fn guard<T>(work: impl FnOnce() -> T) -> Result<T, DeviceFailure> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        match payload.downcast::<DeviceFailure>() {
            Ok(failure) => *failure,
            Err(other) => resume_unwind(other),
        }
    })
}

/// Whether tensors on `device` lie in this processor's memory, where the kernels run.
pub fn is_processor(device: &Device) -> bool {
    let plain = device.clone().without_autodiff();
    matches!(plain.as_dispatch(), DispatchDevice::Flex(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_comes_out_of_the_work_and_other_panics_go_on() {
        assert_eq!(guard(|| 3), Ok(3));
        let full = "An error happened\nCaused by:\n  out of device memory allocating 12 bytes";
        let failed = guard(|| -> u8 { DeviceFailure::raise(full) });
        assert_eq!(failed, Err(DeviceFailure::OutOfMemory));
        let other = catch_unwind(|| guard(|| -> u8 { resume_unwind(Box::new("a defect")) }));
        assert_eq!(other.unwrap_err().downcast_ref(), Some(&"a defect"));
    }

    #[test]
    fn what_is_said_ends_where_places_in_code_begin() {
        let failure = DeviceFailure::of("lost\n  for good\nBacktrace\n 0: a::b\n");
        assert_eq!(failure.to_string(), "lost for good");
    }
}
