//! Recipes that stand beside what they made. Programs before some keys came did not write them; each had one value then, which
//! is not that of [`DenoiserRecipe::default`](super::DenoiserRecipe).

use serde_json::{Value, json};

/// Adds `side` and keys of `denoiser` that a record lacks, with what its training did.
pub(crate) fn complete(recipe: &mut Value) {
    if let Some(recipe) = recipe.as_object_mut() {
        recipe.entry("side").or_insert(json!(128));
    }
    let denoiser = recipe.get_mut("denoiser").and_then(Value::as_object_mut);
    let Some(denoiser) = denoiser else {
        return;
    };
    for (key, value) in [
        ("views", json!(8)),
        ("weight_decay", json!(0.01)),
        ("schedule", json!("cosine")),
    ] {
        denoiser.entry(key).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DenoiserRecipe, Recipe, Schedule};
    use super::*;

    /// What a record says, completed.
    fn read(denoiser: &Value) -> DenoiserRecipe {
        let mut record = json!({ "denoiser": denoiser });
        complete(&mut record);
        serde_json::from_value::<Recipe>(record).unwrap().denoiser
    }

    #[test]
    fn what_a_record_lacks_is_what_its_training_did_and_not_the_default() {
        let read_back = read(&json!({"steps": 42_000}));
        assert_eq!((read_back.steps, read_back.views), (42_000, 8));
        assert!((read_back.weight_decay - 0.01).abs() < 1e-12);
        assert_eq!(read_back.schedule, Schedule::Cosine);
        let default = DenoiserRecipe::default();
        assert!(default.views != 8 && default.weight_decay > 0.01);
    }

    #[test]
    fn what_a_record_says_stays() {
        let written = DenoiserRecipe {
            views: 5,
            weight_decay: 0.25,
            schedule: Schedule::ScaledLinear,
            ..DenoiserRecipe::default()
        };
        assert_eq!(read(&serde_json::to_value(&written).unwrap()), written);
        let mut odd = json!([1]);
        complete(&mut odd);
        assert_eq!(odd, json!([1]));
    }
}
