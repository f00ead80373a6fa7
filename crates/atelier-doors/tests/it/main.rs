//! Doors as their clients see them.

#![allow(clippy::unwrap_used, reason = "a failed fixture is a failed test")]

mod a1111;
#[path = "../../../atelier-server/tests/it/gate.rs"]
mod gate;
mod leonardo;
mod people;
#[path = "../../../atelier-server/examples/pretend/mod.rs"]
mod pretend;
mod rights;
#[allow(dead_code, reason = "tests of the server use more of it")]
#[path = "../../../atelier-server/tests/it/studio.rs"]
mod studio;
mod tokens;

use atelier_doors::routes as doors;
