//! What a form for the settings of a training is made of.

use atelier_core::{SettingAbout, SettingGroup, SettingKind, StrengthSettings, TrainConfig};
use atelier_http::answer::Json;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::settings::defaults;
use crate::openapi::choices;

/// What a form for the settings of a training is made of.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettingsSchema {
    /// In their order.
    groups: Vec<SettingGroupView>,
    /// In their order.
    settings: Vec<SettingView>,
}

/// Settings that belong together.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SettingGroup)]
pub(crate) struct SettingGroupView {
    name: &'static str,
    /// What stands above them.
    label: &'static str,
}

/// What a setting can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FieldKind {
    /// A word.
    Text,
    /// Several texts.
    Texts,
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// One of `choices`.
    Choice,
}

/// A setting, as a form shows it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Setting)]
pub(crate) struct SettingView {
    /// Its name in requests.
    name: &'static str,
    /// What stands beside its field.
    label: &'static str,
    /// What it does.
    help: &'static str,
    /// With which others it is shown.
    #[schema(schema_with = group)]
    group: &'static str,
    kind: FieldKind,
    /// Whether `null` can be given.
    is_optional: bool,
    /// Whether the training strength decides it where it is not given.
    follows_strength: bool,
    /// What it is where nobody says anything.
    #[schema(required)]
    default: Value,
    /// The words that it can be, where it is a choice.
    #[schema(required)]
    choices: Option<&'static [&'static str]>,
    /// The smallest number.
    #[schema(required)]
    minimum: Option<f64>,
    /// The number that it must be larger than.
    #[schema(required)]
    exclusive_minimum: Option<f64>,
    /// The largest number.
    #[schema(required)]
    maximum: Option<f64>,
    /// How long a word or text may be.
    #[schema(required)]
    most_chars: Option<usize>,
    /// How many texts there may be.
    #[schema(required)]
    most_texts: Option<usize>,
}

fn group() -> utoipa::openapi::schema::Object {
    choices::one_of(SettingGroup::NAMES)
}

impl SettingView {
    fn of(about: &SettingAbout, defaults: &Map<String, Value>) -> Self {
        let default = defaults.get(about.name).cloned().unwrap_or_default();
        let mut view = Self {
            name: about.name,
            label: about.label,
            help: about.help,
            group: about.group.name(),
            kind: FieldKind::Text,
            is_optional: default.is_null(),
            follows_strength: StrengthSettings::NAMES.contains(&about.name),
            default,
            choices: None,
            minimum: None,
            exclusive_minimum: None,
            maximum: None,
            most_chars: None,
            most_texts: None,
        };
        match about.kind {
            SettingKind::Text { most_chars } => view.most_chars = Some(most_chars),
            SettingKind::Texts { most, most_chars } => {
                view.kind = FieldKind::Texts;
                (view.most_texts, view.most_chars) = (Some(most), Some(most_chars));
            }
            SettingKind::Whole { least, most } => {
                view.kind = FieldKind::Whole;
                (view.minimum, view.maximum) = (Some(least as f64), Some(most as f64));
            }
            SettingKind::Number {
                more_than,
                least,
                most,
            } => {
                view.kind = FieldKind::Number;
                (view.exclusive_minimum, view.minimum, view.maximum) = (more_than, least, most);
            }
            SettingKind::Choice(names) => {
                (view.kind, view.choices) = (FieldKind::Choice, Some(names));
            }
        }
        view
    }
}

/// Every setting of a training, for forms: what it is called, what it does, what it can be.
#[utoipa::path(
    get, path = "/api/v1/settings/schema", tag = "trainings",
    responses((status = 200, description = "The settings.", body = SettingsSchema))
)]
pub(crate) async fn get_settings_schema() -> Json<SettingsSchema> {
    let (defaults, groups) = (defaults(), SettingGroup::ALL.iter());
    let settings = TrainConfig::SETTINGS.iter();
    Json(SettingsSchema {
        groups: groups.map(|group| SettingGroupView::from(*group)).collect(),
        settings: settings
            .map(|about| SettingView::of(about, &defaults))
            .collect(),
    })
}

impl From<SettingGroup> for SettingGroupView {
    fn from(group: SettingGroup) -> Self {
        let (name, label) = (group.name(), group.label());
        Self { name, label }
    }
}
