//! Numbers of packed weights: in memory of their own, or in a file that the system maps, so that they are there at once,
//! several programs share them, and they give way when memory is short.

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::sync::Arc;

use memmap2::{Mmap, MmapOptions};

use super::product::Line;

/// A file of the program's own as bytes in memory.
#[derive(Debug)]
pub struct MappedFile(Mmap);

impl MappedFile {
    /// Maps a whole file, which nobody may change or shorten any more; it may be removed.
    ///
    /// Files that appear under their name when they are complete, and are only ever replaced as a whole, fulfil that.
    pub fn new(file: &File) -> io::Result<Self> {
        // SAFETY: what is mapped changes only with the file, which the caller keeps as it is; should somebody else
        // change it after all, numbers change, since every pattern of bits is one, and one that is shortened ends the
        // program by a signal.
        unsafe { MmapOptions::new().populate().map(file) }.map(Self)
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// What may be read from any bytes.
pub(super) trait Plain: Copy + 'static {}

impl Plain for i8 {}
impl Plain for Line {}

/// Numbers that packed weights hold.
#[derive(Debug, Clone)]
pub(super) enum Numbers<T> {
    /// In memory of their own.
    Own(Vec<T>),
    /// In a file: whole numbers at an address that suits them.
    Mapped(Arc<MappedFile>, Range<usize>),
}

impl<T: Plain> Numbers<T> {
    /// Those in `range` of a file; nothing unless as many bytes are there and lie where such numbers may.
    pub(super) fn mapped(file: &Arc<MappedFile>, range: Range<usize>) -> Option<Self> {
        let bytes = file.get(range.clone())?;
        let fits = bytes.len().is_multiple_of(size_of::<T>())
            && bytes.as_ptr().addr().is_multiple_of(align_of::<T>());
        fits.then(|| Self::Mapped(Arc::clone(file), range))
    }

    /// Their bytes, as a file holds them.
    pub(super) fn as_bytes(&self) -> &[u8] {
        let numbers: &[T] = self;
        // SAFETY: plain numbers have no gaps, and every byte of them may be read.
        unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers)) }
    }
}

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

impl<T: Plain> Deref for Numbers<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Own(numbers) => numbers,
            Self::Mapped(file, range) => {
                let bytes = &file[range.clone()];
                // SAFETY: every pattern of bits is such a number; place and length were looked at in `mapped`, and the
                // file stays where it is.
                unsafe {
                    std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / size_of::<T>())
                }
            }
        }
    }
}

impl<T: Plain + PartialEq> PartialEq for Numbers<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(bytes: &[u8]) -> Arc<MappedFile> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Arc::new(MappedFile::new(&file).unwrap())
    }

    #[test]
    fn numbers_of_a_file_are_those_that_were_written() {
        let own = Numbers::Own((0..5).map(|i| Line([i; 16])).collect());
        let mapped = Numbers::<Line>::mapped(&file(own.as_bytes()), 0..5 * 64).unwrap();
        assert_eq!(mapped, own);
        let clone = mapped.clone();
        drop(mapped);
        assert_eq!(clone[4], Line([4; 16]));
    }

    #[test]
    fn what_does_not_lie_on_whole_lines_of_the_file_is_refused() {
        let file = file(&[7; 256]);
        for range in [0..63, 1..65, 32..96, 192..320, 256..320] {
            assert!(
                Numbers::<Line>::mapped(&file, range.clone()).is_none(),
                "{range:?}"
            );
        }
        assert_eq!(
            Numbers::<i8>::mapped(&file, 3..6).unwrap().as_bytes(),
            [7; 3]
        );
    }
}
