//! Memory of 32-bit units, aligned for whole vectors.

/// Units of 64 bytes, so that vectors of panels are aligned.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u32; 16]);

/// 32-bit units at an address that is a multiple of 64 bytes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Units(pub(super) Vec<Line>);

impl Units {
    /// Makes room for `count` units; what is in them does not matter.
    pub(crate) fn grow(&mut self, count: usize) {
        let lines = count.div_ceil(16);
        if self.0.len() < lines {
            self.0.resize(lines, Line([0; 16]));
        }
    }

    pub(crate) fn as_ptr(&self) -> *const u32 {
        self.0.as_ptr().cast()
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut u32 {
        self.0.as_mut_ptr().cast()
    }

    /// Memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.0.len() * size_of::<Line>()
    }
}
