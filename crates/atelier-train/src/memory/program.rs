//! What the program takes beside the tensors that are counted: itself, scratch of its threads, and what the allocator keeps.
//!
//! The figures are measured, those of steps on three bases with 1 to 16 threads, those of drawings on one with 1 to 8:
//! docs/dev/measurements.md.

/// The program, and what the allocator keeps of loading where networks take turns.
const DRAWING_BYTES: u64 = 98_000_000;
/// The same where a run is prepared, with products that were timed.
const ENCODING_BYTES: u64 = 110_000_000;
/// What the allocator keeps of preparing a run, beside its steps.
pub(super) const PREPARED_BYTES: u64 = 15_000_000;
/// The program beside steps, without what passes find free of loading.
const STEPS_BYTES: u64 = 35_000_000;
/// What is free of loading, where passes take less.
const LOADED_BYTES: u64 = 35_000_000;
/// What the allocator keeps for itself beside passes.
const ALLOCATOR_BYTES: u64 = 18_000_000;
/// As much again as small passes take, up to this and to weights of 16 bits: pieces of these, and rows that are rounded for them.
const PIECES_BYTES: u64 = 28_000_000;
/// Gaps between buffers of large passes.
const GAPS_BYTES: u64 = 14_000_000;
/// Scratch of a thread at least.
const THREAD_BYTES: u64 = 3_000_000;
/// What a twentieth of the buffers adds to it at most.
const THREAD_SHARE_BYTES: u64 = 9_000_000;
/// More threads than these seldom have scratch at the same time.
const MOST_THREADS: usize = 12;
/// The threads with which drawing and encoding were measured.
const COUNTED_THREADS: u64 = 2;

/// The program with so many threads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Program {
    threads: u64,
}

impl Program {
    pub(super) fn with_threads(threads: usize) -> Self {
        Self {
            threads: threads.min(MOST_THREADS) as u64,
        }
    }

    /// With the threads that it has now. Operations that are composed, as those of a card are, use none of their scratch: there
    /// it is the room that was measured.
    pub(super) fn here(is_composed: bool) -> Self {
        Self::with_threads(if is_composed {
            COUNTED_THREADS as usize
        } else {
            rayon::current_num_threads()
        })
    }

    /// Bytes beside a step whose passes take `activations`, on weights that take `halves` with 16 bits each.
    pub(super) fn beside_step(self, activations: u64, halves: u64) -> u64 {
        let pieces = activations.min(PIECES_BYTES).min(halves);
        let threads = self.threads * Self::scratch(activations);
        let gaps = GAPS_BYTES.min(activations / 20);
        let passes = ALLOCATOR_BYTES + pieces + threads + gaps;
        STEPS_BYTES + passes.max(LOADED_BYTES.saturating_sub(activations))
    }

    /// Bytes beside a drawing that works in `buffers`.
    pub(super) fn beside_drawing(self, buffers: u64) -> u64 {
        DRAWING_BYTES + self.more_threads(buffers)
    }

    /// Bytes beside encoding that works in `buffers`.
    pub(super) fn beside_encoding(self, buffers: u64) -> u64 {
        ENCODING_BYTES + self.more_threads(buffers)
    }

    fn more_threads(self, buffers: u64) -> u64 {
        // Nothing is kept for a backward pass, so what threads work in is twice the share of the buffers.
        self.threads.saturating_sub(COUNTED_THREADS) * Self::scratch(2 * buffers)
    }

    fn scratch(buffers: u64) -> u64 {
        THREAD_BYTES + THREAD_SHARE_BYTES.min(buffers / 20)
    }
}
