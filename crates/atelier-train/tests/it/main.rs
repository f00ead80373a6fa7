//! Whole runs on a tiny random base.

mod bad_input;
mod fixture;
mod resume;
mod runs;
