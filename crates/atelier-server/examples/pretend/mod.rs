//! Stand-ins for what computes: a planner that knows two bases, and an executor that trains and draws without doing either.
//! `examples/serve.rs` lets people walk the pages with them, and the tests ask the API.

#![allow(
    dead_code,
    reason = "the example uses more of it than the tests, and the other way round"
)]

mod adapter;
mod executor;
mod planner;
mod work;

pub(crate) use adapter::adapter_writer;
pub(crate) use executor::PretendExecutor;
pub(crate) use planner::PretendPlanner;
pub(crate) use work::Pace;
