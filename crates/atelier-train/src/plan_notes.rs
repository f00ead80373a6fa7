//! What speaks against a training as it is planned. None of it is refused: it may be what somebody wants.

use std::ops::RangeInclusive;

use atelier_core::TrainConfig;
use atelier_diffusion::stable_diffusion::Base;

use crate::run::rate_of;
use crate::trainer::training_side;

/// How many pictures are right: `docs/guides/first-training.md`.
const RIGHT: RangeInclusive<usize> = 15..=40;

/// What a person should know of a training with so many pictures before it begins, each in a line.
pub fn plan_notes(base: &Base, config: &TrainConfig, pictures: usize) -> Vec<String> {
    let sides = [training_side(config, base), base.native_size()];
    let notes = [
        base.files().prediction_note(),
        count_note(pictures),
        side_note(sides),
        warmup_note(config, pictures),
    ];
    notes.into_iter().flatten().collect()
}

/// That there are few or many pictures, and what comes of it.
fn count_note(pictures: usize) -> Option<String> {
    let (least, most) = (RIGHT.start(), RIGHT.end());
    let count = if pictures == 1 {
        "there is 1 picture".to_owned()
    } else {
        format!("there are {pictures} pictures")
    };
    if pictures < *least {
        return Some(format!(
            "{count}, and {least} to {most} are right: a training on fewer learns the pictures themselves rather than what \
             they have in common; add some with other light and other backgrounds, or take fewer epochs"
        ));
    }
    (pictures > *most).then(|| {
        format!(
            "{count}, and {least} to {most} are right: weak ones among more are learned as well as good ones, and each epoch \
             takes longer; keep the best, or take fewer epochs"
        )
    })
}

/// That pictures of this side are far from those that the base was made for.
fn side_note([side, native]: [usize; 2]) -> Option<String> {
    let (how, what) = if 2 * side < native {
        ("less than half of", "draws badly at so small a size")
    } else if side > 2 * native {
        (
            "more than twice",
            "repeats what it draws at so large a size",
        )
    } else {
        return None;
    };
    Some(format!(
        "pictures of {side} pixels are {how} the {native} that the base was made for, which {what}; without `resolution`, it \
         is {native}"
    ))
}

/// That the learning rate rises as long as the training lasts.
fn warmup_note(config: &TrainConfig, pictures: usize) -> Option<String> {
    let (steps, warmup) = (config.steps(pictures).total(), config.warmup_steps as u64);
    if warmup < steps.max(2) {
        return None;
    }
    let rate = config.learning_rate;
    let percent = 100.0 * rate_of(config, steps).highest() / rate;
    Some(format!(
        "the learning rate rises over all {steps} steps of the training and ends at {percent:.0} % of {rate}, since \
         `warmup_steps` is {warmup}; a tenth of the steps, {}, is plenty",
        steps.div_ceil(10)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_and_more_pictures_than_are_right_are_told_with_the_reason() {
        assert!(RIGHT.clone().all(|count| count_note(count).is_none()));
        let told = |count| count_note(count).unwrap();
        assert!(told(1).starts_with("there is 1 picture, and 15 to 40 are right: "));
        for (count, reason) in [
            (4, "in common"),
            (14, "in common"),
            (41, "keep the best"),
            (500, "keep the best"),
        ] {
            let begin = format!("there are {count} pictures, and 15 to 40 are right: ");
            assert!(told(count).starts_with(&begin) && told(count).contains(reason));
        }
    }

    #[test]
    fn a_warm_up_as_long_as_the_training_is_told_with_where_it_ends() {
        let note = |warmup_steps| {
            let config = TrainConfig {
                epochs: 40,
                learning_rate: 2e-4,
                warmup_steps,
                ..TrainConfig::default()
            };
            warmup_note(&config, 4)
        };
        let told = note(500).unwrap();
        let expected = "rises over all 160 steps of the training and ends at 32 % of 0.0002";
        assert!(
            told.contains(expected) && told.contains("steps, 16, is"),
            "{told}"
        );
        assert!(note(160).unwrap().contains("ends at 100 %"));
        assert_eq!([note(0), note(1), note(159)], [None, None, None]);
    }

    #[test]
    fn a_side_far_from_the_bases_own_is_told() {
        assert!(
            side_note([64, 1024])
                .unwrap()
                .contains("less than half of the 1024")
        );
        assert!(
            side_note([2048, 512])
                .unwrap()
                .contains("more than twice the 512")
        );
        for side in [512, 1024, 2048] {
            assert_eq!(side_note([side, 1024]), None);
        }
    }
}
