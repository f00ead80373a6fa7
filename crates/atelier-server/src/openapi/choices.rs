//! Closed choices as the description of the API has them.

use atelier_core::{
    BaseKind, Category, DoorWord, JobKind, JobState, JobWish, NoiseKind, Precision, PromptSyntax,
    Recompute, RunState, SamplerKind, ScheduleKind, VaeTiling,
};
use serde_json::Value;
use utoipa::openapi::ObjectBuilder;
use utoipa::openapi::schema::{Object, SchemaType, Type};

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

pub(crate) fn door_word() -> Object {
    one_of(DoorWord::NAMES)
}

pub(crate) fn run_state() -> Object {
    one_of(RunState::NAMES)
}

pub(crate) fn recompute() -> Object {
    one_of(Recompute::NAMES)
}

pub(crate) fn job_kind() -> Object {
    one_of(JobKind::NAMES)
}

pub(crate) fn job_state() -> Object {
    one_of(JobState::NAMES)
}

/// Or nothing.
pub(crate) fn job_wish() -> Object {
    let words = JobWish::NAMES.iter().map(|&name| Value::from(name));
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .enum_values(Some(words.chain([Value::Null])))
        .build()
}

pub(crate) fn prompt_syntax() -> Object {
    one_of(PromptSyntax::NAMES)
}

pub(crate) fn sampler() -> Object {
    one_of(SamplerKind::NAMES)
}

pub(crate) fn schedule() -> Object {
    one_of(ScheduleKind::NAMES)
}

pub(crate) fn noise() -> Object {
    one_of(NoiseKind::NAMES)
}

pub(crate) fn precision() -> Object {
    one_of(Precision::NAMES)
}

pub(crate) fn vae_tiling() -> Object {
    one_of(VaeTiling::NAMES)
}
