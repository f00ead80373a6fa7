//! Output buffers that several threads fill without a first pass of zeros.

/// A pointer that several threads write disjoint parts of.
#[derive(Clone, Copy)]
pub(super) struct Shared<T = f32>(*mut T);
// SAFETY: users hand every thread its own part.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// The address of value `offset`.
    pub(super) fn at(self, offset: usize) -> *mut T {
        self.0.wrapping_add(offset)
    }
}

impl Shared {
    /// The same memory without its first `offset` values.
    pub(super) fn from(self, offset: usize) -> Self {
        Self(self.at(offset))
    }

    /// Memory at an address, to be written in parts.
    pub(super) fn from_ptr(at: *mut f32) -> Self {
        Self(at)
    }

    /// The values of a vector, to be written in parts.
    pub(super) fn of(values: &mut [f32]) -> Self {
        Self(values.as_mut_ptr())
    }
}

/// A vector of `len` values, all of them written by `write`.
///
/// # Safety
/// `write` must write every one of the `len` values.
pub(super) unsafe fn filled<T>(len: usize, write: impl FnOnce(Shared<T>)) -> Vec<T> {
    let mut values = Vec::new();
    // SAFETY: passed on from the caller.
    unsafe { append(&mut values, len, write) };
    values
}

/// Puts `len` values behind those of `values`, all of them written by `write`.
///
/// # Safety
/// As [`filled`].
pub(super) unsafe fn append<T>(values: &mut Vec<T>, len: usize, write: impl FnOnce(Shared<T>)) {
    values.reserve_exact(len);
    write(Shared(values.spare_capacity_mut().as_mut_ptr().cast()));
    // SAFETY: there is room for them, and the caller promises that all are written.
    unsafe { values.set_len(values.len() + len) };
}

/// Values that are worth a task: a microsecond or two, where handing it over to threads that are [`awake`](super::awake()) takes a
/// fraction of one.
const CHUNK_VALUES: usize = 4096;

/// Splits `len` units of `size` values into chunks that are worth a task of their own.
pub(super) fn chunk(len: usize, size: usize) -> usize {
    let worth = (CHUNK_VALUES / size.max(1)).max(1);
    len.div_ceil(rayon::current_num_threads() * 4).max(worth)
}
