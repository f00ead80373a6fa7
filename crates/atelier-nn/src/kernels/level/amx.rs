//! The matrix unit of x86 (AMX): eight registers of sixteen rows of 64 bytes, and products of pairs of bf16 between them.
//!
//! Rust has no stable functions for its instructions, so they stand here as text. A thread that multiplies sets the unit up
//! first and lets it go afterwards ([`with_unit`]).

use std::arch::asm;
use std::mem::offset_of;

/// Rows of a register, and its columns of 32 bits.
pub(crate) const SIDE: usize = 16;
/// Columns of a block: two registers.
pub(crate) const BLOCK_COLUMNS: usize = 2 * SIDE;
/// Bytes of a row of a register.
const ROW_BYTES: usize = 64;

/// Whether the processor has the unit, and the system lets this process use it.
pub(super) fn is_available() -> bool {
    has_instructions() && is_permitted()
}

/// Whether the processor has registers for matrices (bit 24) and products of bf16 (bit 22).
fn has_instructions() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    const WANTED: u32 = 1 << 24 | 1 << 22;
    const FEATURES: u32 = 7;
    __cpuid(0).eax >= FEATURES && __cpuid_count(FEATURES, 0).edx & WANTED == WANTED
}

/// Asks the system for the unit's registers, which it saves only for processes that have asked.
#[cfg(target_os = "linux")]
fn is_permitted() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const REQUEST_PERMISSION: i64 = 0x1023;
    const MATRIX_REGISTERS: i64 = 18;
    let result: i64;
    // SAFETY: the call reads no memory; it changes nothing but what this process may use.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => result,
            in("rdi") REQUEST_PERMISSION,
            in("rsi") MATRIX_REGISTERS,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    result == 0
}

#[cfg(not(target_os = "linux"))]
fn is_permitted() -> bool {
    false
}

/// How the registers are used.
#[repr(C, align(64))]
struct Setting {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Runs `f` with the registers of the unit for strips of `rows` rows, 16 at most, and lets them go.
///
/// # Safety
/// The unit must be available. `f` must not call this function.
pub(crate) unsafe fn with_unit<R>(rows: usize, f: impl FnOnce() -> R) -> R {
    debug_assert!((1..=SIDE).contains(&rows), "rows of a register");
    let strip = rows as u8;
    let setting = Setting {
        palette: 1,
        start_row: 0,
        reserved: [0; 14],
        row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
        // sums, left operands, panels
        rows: [
            strip, strip, strip, strip, strip, strip, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0,
        ],
    };
    // SAFETY: the caller promises the unit; the compiler uses none of its registers.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const setting, options(nostack, readonly)) };
    let _release = Release;
    f()
}

/// Lets the registers go, also when what used them panics.
struct Release;

impl Drop for Release {
    fn drop(&mut self) {
        // SAFETY: only made where the unit has been set up.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

/// A piece of the summed dimension: what is added to the addresses of the left rows and of the panel, in bytes, and its length.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Piece {
    pub(crate) left: [usize; 2],
    pub(crate) panel: usize,
    /// Lines of sixteen units, at least one.
    pub(crate) lines: usize,
}

/// Two strips of rows.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Strips<T> {
    /// The first row of each.
    pub(crate) first: [T; 2],
    /// Bytes between rows.
    pub(crate) step: [usize; 2],
}

/// A product of two strips of rows with 32 columns of a panel: sums of pairs of bf16.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Block {
    /// Rows of the left operand.
    pub(crate) left: Strips<*const u32>,
    /// The first of the columns, and bytes between its units.
    pub(crate) panel: *const u32,
    pub(crate) panel_step: usize,
    /// The pieces, at least one.
    pub(crate) pieces: *const Piece,
    pub(crate) pieces_end: *const Piece,
    /// What the sums are added to; null where that is nothing.
    pub(crate) onto: Strips<*const f32>,
    /// Where they go.
    pub(crate) to: Strips<*mut f32>,
}

/// The instructions of [`multiply`], with those for a second strip: its operand, its products, its first sums, what stores them.
macro_rules! multiply {
    ($block:expr, $load:expr, $multiply:expr, $first:expr, $last:expr) => {
        asm!(
            "mov {a}, [{block} + {ONTO}]",
            "tilezero tmm0",
            "tilezero tmm1",
            "test {a}, {a}",
            "jz 4f",
            "mov {sa}, [{block} + {ONTO_STEP}]",
            "tileloadd tmm0, [{a} + {sa}]",
            "tileloadd tmm1, [{a} + {sa} + {ROW}]",
            "4:",
            $first,
            "mov {sa}, [{block} + {LEFT_STEP}]",
            "mov {sc}, [{block} + {LEFT_STEP} + 8]",
            "mov {sb}, [{block} + {PANEL_STEP}]",
            "mov {piece}, [{block} + {PIECES}]",
            "2:",
            "mov {a}, [{piece}]",
            "add {a}, [{block} + {LEFT}]",
            "mov {c}, [{piece} + 8]",
            "add {c}, [{block} + {LEFT} + 8]",
            "mov {b}, [{piece} + 16]",
            "add {b}, [{block} + {PANEL}]",
            "mov {n}, [{piece} + {LINES}]",
            "3:",
            "tileloadd tmm6, [{b} + {sb}]",
            "tileloadd tmm4, [{a} + {sa}]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{b} + {sb} + {ROW}]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            $load,
            $multiply,
            "add {a}, {ROW}",
            "add {c}, {ROW}",
            // sixteen units further
            "mov {step}, {sb}",
            "shl {step}, 4",
            "add {b}, {step}",
            "dec {n}",
            "jnz 3b",
            "add {piece}, {PIECE}",
            "cmp {piece}, [{block} + {PIECES_END}]",
            "jne 2b",
            "mov {a}, [{block} + {TO}]",
            "mov {sa}, [{block} + {TO_STEP}]",
            "tilestored [{a} + {sa}], tmm0",
            "tilestored [{a} + {sa} + {ROW}], tmm1",
            $last,
            block = in(reg) $block,
            a = out(reg) _,
            b = out(reg) _,
            c = out(reg) _,
            n = out(reg) _,
            sa = out(reg) _,
            sb = out(reg) _,
            sc = out(reg) _,
            piece = out(reg) _,
            step = out(reg) _,
            ROW = const ROW_BYTES,
            PIECE = const size_of::<Piece>(),
            LEFT = const offset_of!(Block, left.first),
            LEFT_STEP = const offset_of!(Block, left.step),
            PANEL = const offset_of!(Block, panel),
            PANEL_STEP = const offset_of!(Block, panel_step),
            PIECES = const offset_of!(Block, pieces),
            PIECES_END = const offset_of!(Block, pieces_end),
            LINES = const offset_of!(Piece, lines),
            ONTO = const offset_of!(Block, onto.first),
            ONTO_STEP = const offset_of!(Block, onto.step),
            TO = const offset_of!(Block, to.first),
            TO_STEP = const offset_of!(Block, to.step),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        )
    };
}

/// Multiplies `block`, its second strip too if `BOTH`.
///
/// # Safety
/// Inside [`with_unit`] only, whose number of rows strips have. All rows must be readable over all pieces and lines, and those of the result writable.
#[inline]
pub(crate) unsafe fn multiply<const BOTH: bool>(block: &Block) {
    // SAFETY: promised by the caller.
    unsafe {
        if BOTH {
            multiply!(
                block,
                "tileloadd tmm5, [{c} + {sc}]",
                concat!(
                    "tdpbf16ps tmm2, tmm5, tmm6\n",
                    "tdpbf16ps tmm3, tmm5, tmm7\n",
                ),
                concat!(
                    "mov {c}, [{block} + {ONTO} + 8]\n",
                    "tilezero tmm2\n",
                    "tilezero tmm3\n",
                    "test {c}, {c}\n",
                    "jz 5f\n",
                    "mov {sc}, [{block} + {ONTO_STEP} + 8]\n",
                    "tileloadd tmm2, [{c} + {sc}]\n",
                    "tileloadd tmm3, [{c} + {sc} + {ROW}]\n",
                    "5:\n",
                ),
                concat!(
                    "mov {c}, [{block} + {TO} + 8]\n",
                    "mov {sc}, [{block} + {TO_STEP} + 8]\n",
                    "tilestored [{c} + {sc}], tmm2\n",
                    "tilestored [{c} + {sc} + {ROW}], tmm3\n",
                )
            );
        } else {
            multiply!(block, "", "", "", "");
        }
    }
}
