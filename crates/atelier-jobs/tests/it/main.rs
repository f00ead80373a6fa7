//! Tests of the queue. Workers are told what to do by the tests, or are processes of this test program.

#![expect(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "this is all test code, and what workers say comes into a log"
)]

mod begins;
mod child;
mod conformance;
mod crashes;
mod endings;
mod publishing;
mod soak;
mod studio;
mod told;
mod watching;
