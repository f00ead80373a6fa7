//! Settings of trainings in requests and answers, described from what `TrainConfig` says of itself.

use std::borrow::Cow;

use atelier_core::{SettingAbout, SettingKind, TrainConfig};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::seed;

/// Every setting of a training.
#[derive(Debug, Serialize)]
pub(crate) struct SettingsView(pub(crate) TrainConfig);

/// Some settings of a training; it only describes them.
#[derive(Debug)]
pub(crate) struct SomeSettings;

impl ToSchema for SettingsView {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("TrainConfig")
    }
}

impl PartialSchema for SettingsView {
    fn schema() -> RefOr<Schema> {
        let names = TrainConfig::SETTINGS.iter().map(|setting| setting.name);
        let object = names.fold(properties(), ObjectBuilder::required);
        let about = "Every setting of a training.";
        object.description(Some(about)).build().into()
    }
}

impl ToSchema for SomeSettings {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("SomeSettings")
    }
}

impl PartialSchema for SomeSettings {
    fn schema() -> RefOr<Schema> {
        let about = "Settings of a training that are given. The strength and the defaults decide the others.";
        let mut object = properties().description(Some(about));
        for setting in TrainConfig::SETTINGS.iter().filter(|one| is_seed(one)) {
            object = object.property(setting.name, seed::schema_of(setting.help, None));
        }
        let others = AdditionalProperties::<Schema>::FreeForm(false);
        let object = object.additional_properties(Some(others));
        object.build().into()
    }
}

fn properties() -> ObjectBuilder {
    let all = defaults();
    let mut object = ObjectBuilder::new();
    for setting in TrainConfig::SETTINGS {
        object = object.property(setting.name, property(setting, &all));
    }
    object
}

fn property(setting: &SettingAbout, defaults: &Map<String, Value>) -> Schema {
    let default = defaults.get(setting.name).cloned().unwrap_or_default();
    let optional = default.is_null();
    let kind = |kind: Type| {
        if optional {
            SchemaType::from_iter([kind, Type::Null])
        } else {
            SchemaType::new(kind)
        }
    };
    let object = ObjectBuilder::new().description(Some(setting.help));
    match setting.kind {
        SettingKind::Text { most_chars } => object
            .schema_type(kind(Type::String))
            .max_length(Some(most_chars)),
        SettingKind::Texts { most, most_chars } => {
            let text = ObjectBuilder::new().schema_type(Type::String);
            let texts = ArrayBuilder::new()
                .description(Some(setting.help))
                .items(text.min_length(Some(1)).max_length(Some(most_chars)))
                .max_items(Some(most));
            return texts.build().into();
        }
        SettingKind::Whole { least, most } => object
            .schema_type(kind(Type::Integer))
            .minimum(Some(least as usize))
            .maximum(Some(most as usize)),
        SettingKind::Number {
            more_than,
            least,
            most,
        } => object
            .schema_type(kind(Type::Number))
            .exclusive_minimum(more_than)
            .minimum(least)
            .maximum(most),
        SettingKind::Choice(names) => {
            let names = names.iter().map(|&name| Value::from(name));
            let null = optional.then_some(Value::Null);
            object
                .schema_type(kind(Type::String))
                .enum_values(Some(names.chain(null)))
        }
    }
    .build()
    .into()
}

/// Whether a setting is a seed, which requests may also give as its digits.
fn is_seed(setting: &SettingAbout) -> bool {
    matches!(setting.kind, SettingKind::Whole { most: u64::MAX, .. })
}

/// A setting as a request gives it, and where that is a seed, its number.
///
/// # Errors
/// When a seed is none.
pub(super) fn exact<'a>(name: &str, value: &'a Value) -> serde_json::Result<Cow<'a, Value>> {
    let mut seeds = TrainConfig::SETTINGS.iter().filter(|one| is_seed(one));
    if seeds.any(|setting| setting.name == name) {
        return Ok(Cow::Owned(Value::from(seed::read(value)?.0)));
    }
    Ok(Cow::Borrowed(value))
}

/// What settings are where nobody says anything.
pub(crate) fn defaults() -> Map<String, Value> {
    match serde_json::to_value(TrainConfig::default()) {
        Ok(Value::Object(all)) => all,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn digits_of_a_seed_are_its_number_and_other_settings_have_none() {
        let of = |name: &str, value: Value| exact(name, &value).map(Cow::into_owned).ok();
        assert_eq!(
            of("seed", json!("18446744073709551615")),
            Some(json!(u64::MAX))
        );
        assert_eq!(of("seed", json!("007")), Some(json!(7)));
        assert_eq!(of("seed", json!(8)), Some(json!(8)));
        for other in [
            json!(""),
            json!("-1"),
            json!("1.5"),
            json!(1e39),
            json!(null),
        ] {
            assert_eq!(of("seed", other), None);
        }
        for name in ["rank", "trigger"] {
            assert_eq!(of(name, json!("8")), Some(json!("8")));
        }
    }
}
