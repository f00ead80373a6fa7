//! The one table from the other house's words to this one's. `docs/reference/leonardo.md` shows it to users.
//!
//! | there | here |
//! |---|---|
//! | `sd_version` of trainings and generations, `modelId` of the other house, `presetStyle` | the base that stands for it in the library's table, at first the usual one; of a generation with elements, that of the first |
//! | `modelId`, a name from `/platformModels` | the base of that name |
//! | `modelId` of a custom model | that model at its own strength, on its base |
//! | `scheduler` | [`SCHEDULERS`] |
//! | `strength` of `/models` | the training strength of the same name |
//! | `learning_rate` of `/elements` | [`strength_of_rate`]: a training strength |
//! | `lora_focus` | the category of that name; for `General` the dataset's |
//! | `modelType` | [`MODEL_TYPES`]: a category; for `GENERAL` the dataset's |

use atelier_core::{BaseKind, Category, SamplerKind, TrainingStrength};

use super::refusal::{Refusal, Result};

/// The model that the clients name where their user names none.
pub(super) const USUAL_MODEL: &str = "b24e16ff-06e3-43eb-8d33-4416c2d75876";
/// The preset that they name then.
pub(super) const USUAL_PRESET: &str = "DYNAMIC";

/// Versions that a training of an element may name.
pub(super) const ELEMENT_VERSIONS: &[&str] = &[
    "SDXL_0_9",
    "SDXL_1_0",
    "LEONARDO_DIFFUSION_XL",
    "LEONARDO_LIGHTNING_XL",
    "VISION_XL",
    "KINO_XL",
    "ALBEDO_XL",
    "FLUX_DEV",
];

/// Versions that a training of a custom model may name.
pub(super) const MODEL_VERSIONS: &[&str] = &["v1_5", "v2"];

/// Versions that a generation may name.
pub(super) const VERSIONS: &[&str] = &[
    "v1_5",
    "v2",
    "v3",
    "SDXL_0_8",
    "SDXL_0_9",
    "SDXL_1_0",
    "SDXL_LIGHTNING",
    "PHOENIX",
    "FLUX",
    "FLUX_DEV",
    "KINO_2_0",
];

/// Schedulers and samplers. `LEONARDO` is nobody else's; the usual one stands for it.
pub(super) const SCHEDULERS: [(&str, SamplerKind); 7] = [
    ("EULER_DISCRETE", SamplerKind::Euler),
    ("EULER_ANCESTRAL_DISCRETE", SamplerKind::EulerA),
    ("KLMS", SamplerKind::Lms),
    ("DDIM", SamplerKind::Ddim),
    ("DPM_SOLVER", SamplerKind::Dpmpp2m),
    ("PNDM", SamplerKind::Pndm),
    ("LEONARDO", SamplerKind::Euler),
];

/// Types of models and categories. The first of each category stands for it in answers.
pub(super) const MODEL_TYPES: [(&str, Option<Category>); 14] = [
    ("GENERAL", None),
    ("CHARACTERS", Some(Category::Character)),
    ("ILLUSTRATIONS", Some(Category::Style)),
    ("PRODUCT_DESIGN", Some(Category::Object)),
    ("BUILDINGS", Some(Category::Object)),
    ("ENVIRONMENTS", Some(Category::Style)),
    ("FASHION", Some(Category::Object)),
    ("GAME_ITEMS", Some(Category::Object)),
    ("GRAPHICAL_ELEMENTS", Some(Category::Style)),
    ("PHOTOGRAPHY", Some(Category::Style)),
    ("PIXEL_ART", Some(Category::Style)),
    ("TEXTURES", Some(Category::Style)),
    ("UI_ELEMENTS", Some(Category::Style)),
    ("VECTOR", Some(Category::Style)),
];

/// What a trained element is about, and categories.
const FOCUSES: [(&str, Option<Category>); 4] = [
    ("General", None),
    ("Character", Some(Category::Character)),
    ("Style", Some(Category::Style)),
    ("Object", Some(Category::Object)),
];

/// Training strengths.
const STRENGTHS: [(&str, TrainingStrength); 4] = [
    ("VERY_LOW", TrainingStrength::VeryLow),
    ("LOW", TrainingStrength::Low),
    ("MEDIUM", TrainingStrength::Medium),
    ("HIGH", TrainingStrength::High),
];

/// What a word of a closed list stands for.
fn chosen<T: Copy>(what: &str, word: &str, table: &[(&str, T)]) -> Result<T> {
    let found = table.iter().find(|(name, _)| *name == word);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = table.iter().map(|(name, _)| *name).collect();
        let names = names.join("`, `");
        Refusal::invalid(format!("`{what}` must be one of `{names}`"))
    })
}

/// Looks whether a version is one of those that can be named.
pub(super) fn check_version(version: Option<&str>, known: &[&str]) -> Result<()> {
    let known: Vec<_> = known.iter().map(|name| (*name, ())).collect();
    version.map_or(Ok(()), |version| chosen("sd_version", version, &known))
}

/// The sampler for a scheduler.
pub(super) fn sampler(scheduler: Option<&str>) -> Result<SamplerKind> {
    chosen(
        "scheduler",
        scheduler.unwrap_or("EULER_DISCRETE"),
        &SCHEDULERS,
    )
}

/// The scheduler for a sampler, where there is one.
pub(super) fn scheduler(sampler: SamplerKind) -> Option<&'static str> {
    let mut named = SCHEDULERS.iter();
    named
        .find(|(_, kind)| *kind == sampler)
        .map(|(name, _)| *name)
}

/// The category for a type of models; nothing where it is the dataset's.
pub(super) fn category_of_type(kind: Option<&str>) -> Result<Option<Category>> {
    chosen("modelType", kind.unwrap_or("GENERAL"), &MODEL_TYPES)
}

/// The type of models for a category.
pub(super) fn type_of(category: Category) -> &'static str {
    let mut types = MODEL_TYPES.iter();
    let found = types.find(|(_, other)| *other == Some(category));
    found.map_or("GENERAL", |(name, _)| *name)
}

/// The category for what an element is about; nothing where it is the dataset's.
pub(super) fn category_of_focus(focus: &str) -> Result<Option<Category>> {
    chosen("lora_focus", focus, &FOCUSES)
}

/// What an element of a category is about.
pub(super) fn focus_of(category: Category) -> &'static str {
    let mut focuses = FOCUSES.iter();
    let found = focuses.find(|(_, other)| *other == Some(category));
    found.map_or("General", |(name, _)| *name)
}

/// The training strength of a word.
pub(super) fn strength(word: Option<&str>) -> Result<TrainingStrength> {
    chosen("strength", word.unwrap_or("MEDIUM"), &STRENGTHS)
}

/// The training strength for a learning rate. The rates are meant for other trainers: what the other house names as the usual
/// rate for a version and a focus is medium, and others are held against it.
pub(super) fn strength_of_rate(version: &str, focus: &str, rate: f64) -> Result<TrainingStrength> {
    if !(rate.is_finite() && rate > 0.0) {
        return Err(Refusal::invalid("`learning_rate` must be positive"));
    }
    let usual = match (version, focus) {
        ("FLUX_DEV", "Style") => 1e-5,
        ("FLUX_DEV", "Object" | "General") => 4e-4,
        ("FLUX_DEV", _) => 5e-4,
        _ => 1e-6,
    };
    Ok(match rate / usual {
        share if share < 0.2 => TrainingStrength::VeryLow,
        share if share < 0.7 => TrainingStrength::Low,
        share if share <= 2.0 => TrainingStrength::Medium,
        _ => TrainingStrength::High,
    })
}

/// The version that is told of a kind of base.
pub(super) fn version_of(kind: BaseKind) -> &'static str {
    match kind {
        BaseKind::Mini | BaseKind::Sd15 => "v1_5",
        BaseKind::Sdxl => "SDXL_1_0",
    }
}

/// The size at which a base draws what was asked for: sizes of more than twice the area that it was made for become that area,
/// with the same shape.
pub(super) fn size(native_side: usize, [width, height]: [usize; 2]) -> [usize; 2] {
    let (native, wanted) = (native_side * native_side, width * height);
    if wanted <= 2 * native {
        return [width, height];
    }
    [width, height].map(|side| {
        let side = (side * side * native / wanted).isqrt();
        8 * ((side + 4) / 8).max(4)
    })
}

#[cfg(test)]
mod tests {
    use atelier_core::DoorWord;
    use atelier_server::door::known_words;

    use super::*;

    #[test]
    fn sizes_come_down_to_what_a_base_was_made_for() {
        for (native, wanted, size_of) in [
            (64, [1024, 768], [72, 56]),
            (64, [64, 64], [64, 64]),
            (64, [64, 128], [64, 128]),
            (512, [1024, 768], [592, 440]),
            (512, [512, 768], [512, 768]),
            (1024, [1024, 768], [1024, 768]),
            (64, [1536, 32], [440, 32]),
        ] {
            assert_eq!(size(native, wanted), size_of, "{native} {wanted:?}");
        }
    }

    #[test]
    fn every_word_that_is_taken_can_be_mapped_to_a_base() {
        let versions = known_words(DoorWord::SdVersion);
        let taken = [VERSIONS, MODEL_VERSIONS, ELEMENT_VERSIONS].concat();
        for version in taken {
            assert!(versions.contains(&version), "{version}");
        }
        assert!(known_words(DoorWord::ModelId).contains(&USUAL_MODEL));
        assert!(known_words(DoorWord::Preset).contains(&USUAL_PRESET));
    }

    #[test]
    fn rates_are_held_against_the_usual_one() {
        let strength = |version, focus, rate| strength_of_rate(version, focus, rate).unwrap();
        for (version, focus, rate, expected) in [
            ("SDXL_1_0", "General", 1e-6, TrainingStrength::Medium),
            ("SDXL_1_0", "Style", 1e-8, TrainingStrength::VeryLow),
            ("KINO_XL", "Style", 1e-5, TrainingStrength::High),
            ("FLUX_DEV", "Character", 5e-4, TrainingStrength::Medium),
            ("FLUX_DEV", "Character", 2e-4, TrainingStrength::Low),
            ("FLUX_DEV", "Style", 3e-5, TrainingStrength::High),
        ] {
            assert_eq!(
                strength(version, focus, rate),
                expected,
                "{version} {focus} {rate}"
            );
        }
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(strength_of_rate("SDXL_1_0", "Style", rate).is_err());
        }
    }

    #[test]
    fn words_go_there_and_back() {
        for category in [Category::Character, Category::Style, Category::Object] {
            assert_eq!(
                category_of_type(Some(type_of(category))).unwrap(),
                Some(category)
            );
            assert_eq!(
                category_of_focus(focus_of(category)).unwrap(),
                Some(category)
            );
        }
        for (name, kind) in SCHEDULERS {
            assert_eq!(sampler(Some(name)).unwrap(), kind);
        }
        assert_eq!(scheduler(SamplerKind::Euler), Some("EULER_DISCRETE"));
        assert_eq!(scheduler(SamplerKind::Heun), None);
        assert!(sampler(Some("FAST")).is_err() && category_of_type(Some("CATS")).is_err());
    }
}
