//! What a recipe may not say: among others the numbers with which a training would run to its end and be good for nothing.

use super::{DenoiserRecipe, Recipe, TextRecipe};
use crate::workers::PARTS;

/// Whether something is right, and what is to be said where it is not.
type Check = (bool, &'static str);

impl Recipe {
    /// What is wrong with the numbers, each with what would be right.
    pub(super) fn problems(&self) -> Vec<String> {
        let groups: Check = (!self.groups.is_empty(), "`groups` is empty");
        let checks = std::iter::once(groups)
            .chain(of_autoencoder(self))
            .chain(of_text(&self.text))
            .chain(of_denoiser(&self.denoiser));
        let wrong = checks.filter(|(right, _)| !right);
        let wrong = wrong.map(|(_, problem)| problem.to_owned());
        let step = self.pixels_per_latent() * self.latents_per_coarsest();
        let is_even = (64..=1024).contains(&self.side) && self.side.is_multiple_of(step);
        let side = (!is_even).then(|| {
            format!(
                "`side` is {}, and must be 64 to 1024 pixels and a multiple of {step}",
                self.side
            )
        });
        let batches = [("vae", self.vae.batch), ("denoiser", self.denoiser.batch)];
        let shared = |batch: usize| batch > 0 && batch.is_multiple_of(PARTS);
        let uneven = batches.into_iter().filter(|(_, batch)| !shared(*batch));
        let uneven =
            uneven.map(|(name, _)| format!("`{name}.batch` must be a multiple of {PARTS}"));
        wrong.chain(side).chain(uneven).collect()
    }
}

fn is_positive(number: f64) -> bool {
    number.is_finite() && number > 0.0
}

/// Whether it is 0 or more, and finite.
fn is_weight(number: f32) -> bool {
    number.is_finite() && number >= 0.0
}

/// Whether a share is left over, so that an average moves.
fn is_decay(number: f64) -> bool {
    (0.0..1.0).contains(&number)
}

fn of_autoencoder(recipe: &Recipe) -> [Check; 9] {
    let (vae, pixels) = (&recipe.vae, recipe.pixels_per_latent());
    let in_groups = |channels: &usize| *channels > 0 && channels.is_multiple_of(vae.norm_groups);
    [
        (
            (2..=6).contains(&vae.channels.len()),
            "`vae.channels` must have 2 to 6 levels",
        ),
        (
            vae.norm_groups > 0 && vae.channels.iter().all(in_groups),
            "`vae.norm_groups` must divide every number of `vae.channels`, which must be above 0",
        ),
        (
            vae.latent_channels > 0,
            "`vae.latent_channels` must be 1 or more",
        ),
        (
            is_weight(vae.decoder_noise),
            "`vae.decoder_noise` must be 0 or more",
        ),
        (
            vae.crop > 0 && vae.crop <= recipe.side && vae.crop.is_multiple_of(pixels),
            "`vae.crop` must be a multiple of the pixels per latent, at most `side`",
        ),
        (is_positive(vae.rate), "`vae.rate` must be above 0"),
        (
            is_weight(vae.kl_weight),
            "`vae.kl_weight` must be 0 or more",
        ),
        (
            is_weight(vae.early_kl.weight),
            "`vae.early_kl.weight` must be 0 or more",
        ),
        (
            is_decay(vae.ema_decay),
            "`vae.ema_decay` must be 0 or more, and less than 1",
        ),
    ]
}

fn of_text(text: &TextRecipe) -> [Check; 2] {
    let is_shared = text.width > 0 && text.heads > 0 && text.width.is_multiple_of(text.heads);
    [
        (
            is_shared,
            "`text.heads` must divide `text.width`, both above 0",
        ),
        (text.layers > 0, "`text.layers` must be 1 or more"),
    ]
}

fn of_denoiser(denoiser: &DenoiserRecipe) -> [Check; 8] {
    let levels = denoiser.channels.len();
    let in_groups = |channels: &usize| *channels > 0 && channels.is_multiple_of(32);
    [
        (
            levels > 1 && denoiser.heads.len() == levels && denoiser.attention.len() == levels,
            "`denoiser.channels`, `heads` and `attention` must have equally many levels, at least 2",
        ),
        (
            denoiser.channels.iter().all(in_groups),
            "every number of `denoiser.channels` must be a multiple of 32, the groups of its normalisations",
        ),
        (denoiser.views > 0, "`denoiser.views` must be 1 or more"),
        (
            is_positive(denoiser.rate),
            "`denoiser.rate` must be above 0",
        ),
        (
            (0.0..=1.0).contains(&denoiser.stranger_share),
            "`denoiser.stranger_share` must be 0 to 1",
        ),
        (
            is_decay(denoiser.weight_decay),
            "`denoiser.weight_decay` must be 0 or more, and less than 1",
        ),
        (
            denoiser.min_snr.is_none_or(is_positive),
            "`denoiser.min_snr` must be above 0, or null for equal weights",
        ),
        (
            is_decay(denoiser.ema_decay),
            "`denoiser.ema_decay` must be 0 or more, and less than 1",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spoils a recipe.
    type Change = fn(&mut Recipe);

    fn problems(change: Change) -> Vec<String> {
        let mut recipe = Recipe::default();
        change(&mut recipe);
        recipe.problems()
    }

    #[test]
    fn each_number_that_would_spoil_a_training_is_named() {
        assert_eq!(Recipe::default().problems(), Vec::<String>::new());
        let table: [(Change, &str); 38] = [
            (|r| r.groups.clear(), "`groups`"),
            (|r| (r.side, r.vae.crop) = (32, 32), "`side`"),
            (|r| r.side = 144, "`side`"),
            (|r| r.side = 1056, "`side`"),
            (|r| r.vae.channels.truncate(1), "`vae.channels`"),
            (|r| r.vae.channels[0] = 0, "`vae.norm_groups`"),
            (|r| r.vae.norm_groups = 0, "`vae.norm_groups`"),
            (|r| r.vae.norm_groups = 5, "`vae.norm_groups`"),
            (|r| r.vae.latent_channels = 0, "`vae.latent_channels`"),
            (|r| r.vae.decoder_noise = -0.1, "`vae.decoder_noise`"),
            (|r| r.vae.crop = 60, "`vae.crop`"),
            (|r| (r.side, r.vae.crop) = (64, 72), "`vae.crop`"),
            (|r| r.vae.rate = 0.0, "`vae.rate`"),
            (|r| r.vae.rate = f64::INFINITY, "`vae.rate`"),
            (|r| r.vae.kl_weight = f32::NAN, "`vae.kl_weight`"),
            (|r| r.vae.early_kl.weight = -1.0, "`vae.early_kl.weight`"),
            (|r| r.vae.ema_decay = 1.0, "`vae.ema_decay`"),
            (|r| r.vae.ema_decay = -0.1, "`vae.ema_decay`"),
            (|r| r.vae.batch = 0, "`vae.batch`"),
            (|r| r.text.heads = 3, "`text.heads`"),
            (|r| r.text.heads = 0, "`text.heads`"),
            (|r| r.text.layers = 0, "`text.layers`"),
            (
                |r| r.denoiser.heads.truncate(1),
                "`denoiser.channels`, `heads`",
            ),
            (
                |r| r.denoiser.channels[1] = 40,
                "every number of `denoiser.channels`",
            ),
            (|r| r.denoiser.views = 0, "`denoiser.views`"),
            (|r| r.denoiser.batch = 3, "`denoiser.batch`"),
            (|r| r.denoiser.rate = 0.0, "`denoiser.rate`"),
            (|r| r.denoiser.rate = -1e-3, "`denoiser.rate`"),
            (|r| r.denoiser.rate = f64::NAN, "`denoiser.rate`"),
            (
                |r| r.denoiser.stranger_share = -0.1,
                "`denoiser.stranger_share`",
            ),
            (
                |r| r.denoiser.stranger_share = 1.1,
                "`denoiser.stranger_share`",
            ),
            (
                |r| r.denoiser.weight_decay = -0.1,
                "`denoiser.weight_decay`",
            ),
            (|r| r.denoiser.weight_decay = 1.0, "`denoiser.weight_decay`"),
            (|r| r.denoiser.min_snr = Some(0.0), "`denoiser.min_snr`"),
            (
                |r| r.denoiser.min_snr = Some(f64::INFINITY),
                "`denoiser.min_snr`",
            ),
            (|r| r.denoiser.ema_decay = 1.0, "`denoiser.ema_decay`"),
            (|r| r.denoiser.ema_decay = 1.5, "`denoiser.ema_decay`"),
            (|r| r.denoiser.ema_decay = -0.1, "`denoiser.ema_decay`"),
        ];
        for (change, name) in table {
            let problems = problems(change);
            assert!(
                problems.len() == 1 && problems[0].starts_with(name),
                "{name}: {problems:?}"
            );
        }
    }

    #[test]
    fn numbers_at_the_ends_of_what_is_allowed_are_taken() {
        let ends: [fn(&mut Recipe); 7] = [
            |r| r.side = 64,
            |r| (r.side, r.vae.crop) = (1024, 1024),
            |r| r.denoiser.stranger_share = 1.0,
            |r| r.denoiser.min_snr = Some(5.0),
            |r| r.denoiser.weight_decay = 0.0,
            |r| r.vae.ema_decay = 0.0,
            |r| r.text.heads = r.text.width,
        ];
        for (index, change) in ends.into_iter().enumerate() {
            let problems = problems(change);
            assert!(problems.is_empty(), "{index}: {problems:?}");
        }
    }
}
