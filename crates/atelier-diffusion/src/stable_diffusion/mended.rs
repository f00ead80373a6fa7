//! Settings of a base that are not followed as its files state them, because diffusers' pipelines correct them before they
//! draw (`pipeline_stable_diffusion.py` of version 0.42.1).

use atelier_core::GenerateRequest;
use serde_json::Value;

use super::networks::UnetConfig;
use crate::families::Family;
use crate::schedule::ScheduleConfig;

/// Side of the latents that Stable Diffusion 1 was trained on; early folders of it state 32.
const TRAINED_SIDE: usize = 64;
/// Major and minor number of the first version of diffusers whose folders are taken at their word.
const FIRST_TRUSTED: [u64; 2] = [0, 9];

/// Corrects the settings of samplers. Clipping is for pixels: latents reach far beyond 1. `StableDiffusionPipeline` switches
/// it off, and files of SDXL are mostly Euler's, which do not speak of it, so that other samplers would clip by default.
pub(super) fn mend_schedule(config: &mut ScheduleConfig, family: &Family) {
    config.clip_sample = Some(false);
    if family.has_early_folders {
        config.steps_offset = 1;
    }
}

/// The settings of samplers for one drawing: with a mask, `StableDiffusionInpaintPipeline` leaves out the Runge-Kutta steps.
pub(super) fn mend_for(
    config: &ScheduleConfig,
    family: &Family,
    request: &GenerateRequest,
) -> ScheduleConfig {
    let start = request.start.as_ref();
    let has_mask = start.is_some_and(|start| start.mask.is_some());
    ScheduleConfig {
        skip_prk_steps: config.skip_prk_steps || has_mask && family.has_early_folders,
        ..config.clone()
    }
}

/// Corrects the side of the latents, where the folder is an early one.
pub(super) fn mend_size(config: &mut UnetConfig, json: &Value, family: &Family) {
    let version = json["_diffusers_version"].as_str().and_then(release);
    let is_early = family.has_early_folders && version.is_some_and(|it| it < FIRST_TRUSTED);
    let side = json["sample_size"].as_u64();
    if is_early && side.is_some_and(|side| side < TRAINED_SIDE as u64) {
        config.sample_size = Some(TRAINED_SIDE);
    }
}

/// The first two numbers of a version such as `0.6.0` or `0.10.0.dev0`.
fn release(version: &str) -> Option<[u64; 2]> {
    let mut numbers = version.split('.').map(|part| {
        let end = part.find(|c: char| !c.is_ascii_digit());
        part[..end.unwrap_or(part.len())].parse().ok()
    });
    let major = numbers.next()??;
    let minor = numbers.next().unwrap_or(Some(0))?;
    Some([major, minor])
}

#[cfg(test)]
mod tests {
    use atelier_core::StartImage;

    use super::*;
    use crate::families::FAMILIES;

    #[test]
    fn a_mask_leaves_out_runge_kutta_steps_where_diffusers_does() {
        let config = ScheduleConfig::from_json("{\"skip_prk_steps\": false}").unwrap();
        let request = |mask: Option<&str>| GenerateRequest {
            start: Some(StartImage {
                path: "a.png".into(),
                denoise: 0.5,
                mask: mask.map(Into::into),
            }),
            ..GenerateRequest::default()
        };
        for (family, mask, skips) in [
            ("sd15", None, false),
            ("sd15", Some("m.png"), true),
            ("sdxl", Some("m.png"), false),
        ] {
            let family = FAMILIES.iter().find(|one| one.name == family).unwrap();
            let mended = mend_for(&config, family, &request(mask));
            assert_eq!(mended.skip_prk_steps, skips, "{} {mask:?}", family.name);
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, expected) in [
            ("0.6.0", Some([0, 6])),
            ("0.8.1.dev0", Some([0, 8])),
            ("0.10.0", Some([0, 10])),
            ("0.9rc1", Some([0, 9])),
            ("1", Some([1, 0])),
            ("", None),
            ("main", None),
            ("0.main", None),
        ] {
            assert_eq!(release(version), expected, "{version}");
        }
        assert!([0, 8] < FIRST_TRUSTED && [0, 10] > FIRST_TRUSTED);
    }
}
