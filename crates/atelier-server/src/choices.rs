//! Closed choices as the description of the API has them.

use atelier_core::{BaseKind, Category, Recompute, RunState};
use utoipa::openapi::ObjectBuilder;
use utoipa::openapi::schema::{Object, Type};

pub(crate) fn one_of(names: &[&str]) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(names.iter().copied()))
        .build()
}

pub(crate) fn category() -> Object {
    one_of(Category::NAMES)
}

pub(crate) fn base_kind() -> Object {
    one_of(BaseKind::NAMES)
}

pub(crate) fn run_state() -> Object {
    one_of(RunState::NAMES)
}

pub(crate) fn recompute() -> Object {
    one_of(Recompute::NAMES)
}
