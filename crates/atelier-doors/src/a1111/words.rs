//! The one table from the other house's samplers and schedulers to this one's. `docs/reference/a1111.md` shows it to users.
//!
//! Source: names and aliases are those of its `sd_samplers_kdiffusion`, `sd_samplers_timesteps` and `sd_schedulers`, as is what
//! each sampler uses where the scheduler is `Automatic`.

use atelier_core::{SamplerKind, ScheduleKind};

use super::refusal::{Refusal, Result};

/// A sampler there.
#[derive(Debug)]
pub(super) struct Sampler {
    pub(super) name: &'static str,
    pub(super) aliases: &'static [&'static str],
    pub(super) kind: SamplerKind,
    /// The schedule where nobody names one.
    pub(super) schedule: ScheduleKind,
}

const fn sampler(
    name: &'static str,
    aliases: &'static [&'static str],
    kind: SamplerKind,
    schedule: ScheduleKind,
) -> Sampler {
    Sampler {
        name,
        aliases,
        kind,
        schedule,
    }
}

/// Samplers.
#[rustfmt::skip]
pub(super) const SAMPLERS: [Sampler; 14] = {
    use SamplerKind as To;
    use ScheduleKind as By;
    [
        sampler("DPM++ 2M", &["k_dpmpp_2m"], To::Dpmpp2m, By::Karras),
        sampler("DPM++ SDE", &["k_dpmpp_sde"], To::DpmppSde, By::Karras),
        sampler("DPM++ 2M SDE", &["k_dpmpp_2m_sde"], To::Dpmpp2mSde, By::Exponential),
        sampler("DPM++ 3M SDE", &["k_dpmpp_3m_sde"], To::Dpmpp3mSde, By::Exponential),
        sampler("Euler a", &["k_euler_a", "k_euler_ancestral"], To::EulerA, By::Linspace),
        sampler("Euler", &["k_euler"], To::Euler, By::Linspace),
        sampler("LMS", &["k_lms"], To::Lms, By::Linspace),
        sampler("Heun", &["k_heun"], To::Heun, By::Linspace),
        sampler("DPM2", &["k_dpm_2"], To::Dpm2, By::Karras),
        sampler("DPM2 a", &["k_dpm_2_a"], To::Dpm2A, By::Karras),
        sampler("DDIM", &["ddim"], To::Ddim, By::Leading),
        sampler("PLMS", &["plms"], To::Pndm, By::Leading),
        sampler("UniPC", &["unipc"], To::Unipc, By::Base),
        sampler("LCM", &["k_lcm"], To::Lcm, By::Base),
    ]
};

/// Schedulers: name, label, and the schedule; nothing where it follows from the sampler.
pub(super) const SCHEDULERS: [(&str, &str, Option<ScheduleKind>); 7] = [
    ("automatic", "Automatic", None),
    ("uniform", "Uniform", Some(ScheduleKind::Linspace)),
    ("karras", "Karras", Some(ScheduleKind::Karras)),
    (
        "exponential",
        "Exponential",
        Some(ScheduleKind::Exponential),
    ),
    ("sgm_uniform", "SGM Uniform", Some(ScheduleKind::SgmUniform)),
    ("ddim", "DDIM", Some(ScheduleKind::Leading)),
    ("beta", "Beta", Some(ScheduleKind::Beta)),
];

/// The sampler where none is named.
const USUAL: &str = "Euler";

/// The sampler and the schedule of two words. As there, the sampler's may end with a scheduler's.
pub(super) fn sampler_and_schedule(
    sampler: Option<&str>,
    scheduler: Option<&str>,
) -> Result<(SamplerKind, ScheduleKind)> {
    let word = sampler.map(str::trim).filter(|word| !word.is_empty());
    let word = word.unwrap_or(USUAL);
    let (found, from_name) = find(word).ok_or_else(|| {
        let names: Vec<_> = SAMPLERS.iter().map(|sampler| sampler.name).collect();
        unknown("sampler", word, &names)
    })?;
    let scheduler = scheduler.map(str::trim).filter(|word| !word.is_empty());
    let named = scheduler.map(schedule).transpose()?.flatten();
    let schedule = named.or(from_name).unwrap_or(found.schedule);
    Ok((found.kind, schedule))
}

/// A sampler by its name or an alias, and the schedule that the word ends with.
fn find(word: &str) -> Option<(&'static Sampler, Option<ScheduleKind>)> {
    let called = |word: &str| {
        SAMPLERS.iter().find(|sampler| {
            let mut names = sampler.aliases.iter().chain([&sampler.name]);
            names.any(|name| name.eq_ignore_ascii_case(word))
        })
    };
    if let Some(found) = called(word) {
        return Some((found, None));
    }
    SCHEDULERS.iter().find_map(|(_, label, schedule)| {
        let at = word.len().checked_sub(label.len())?;
        let (start, end) = word.split_at_checked(at)?;
        let found = called(start.strip_suffix(' ')?)?;
        let is_end = end.eq_ignore_ascii_case(label);
        is_end.then_some((found, *schedule))
    })
}

fn schedule(word: &str) -> Result<Option<ScheduleKind>> {
    let mut known = SCHEDULERS.iter();
    let is_called = |name: &str| name.eq_ignore_ascii_case(word);
    let found = known.find(|(name, label, _)| is_called(name) || is_called(label));
    found.map(|(_, _, schedule)| *schedule).ok_or_else(|| {
        let names: Vec<_> = SCHEDULERS.iter().map(|(name, ..)| *name).collect();
        unknown("scheduler", word, &names)
    })
}

fn unknown(what: &str, word: &str, names: &[&str]) -> Refusal {
    let (word, names): (String, _) = (word.chars().take(100).collect(), names.join("`, `"));
    Refusal::invalid(format!("there is no {what} `{word}`, only `{names}`"))
}

/// What a sampler is called there.
pub(super) fn name_of(kind: SamplerKind) -> &'static str {
    let mut known = SAMPLERS.iter();
    let found = known.find(|sampler| sampler.kind == kind);
    found.map_or(kind.name(), |sampler| sampler.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sampler_has_a_name_there_and_reads_back() {
        for &kind in SamplerKind::ALL {
            let name = name_of(kind);
            assert_eq!(sampler_and_schedule(Some(name), None).unwrap().0, kind);
        }
        assert_eq!(SAMPLERS.len(), SamplerKind::ALL.len());
    }

    #[test]
    fn schedules_come_from_their_own_word_else_from_the_samplers_else_from_the_table() {
        use SamplerKind as To;
        use ScheduleKind as By;
        let read = |sampler, scheduler| sampler_and_schedule(sampler, scheduler).unwrap();
        for (sampler, scheduler, expected) in [
            (
                Some("Euler a"),
                Some("automatic"),
                (To::EulerA, By::Linspace),
            ),
            (
                Some("DPM++ 2M"),
                Some("Automatic"),
                (To::Dpmpp2m, By::Karras),
            ),
            (Some("DPM++ 2M Karras"), None, (To::Dpmpp2m, By::Karras)),
            (Some("LMS Karras"), Some("automatic"), (To::Lms, By::Karras)),
            (
                Some("DPM++ 2M SDE Karras"),
                None,
                (To::Dpmpp2mSde, By::Karras),
            ),
            (
                Some("DPM++ 2M SDE"),
                Some("SGM Uniform"),
                (To::Dpmpp2mSde, By::SgmUniform),
            ),
            (Some("k_euler"), Some("beta"), (To::Euler, By::Beta)),
            (Some("ddim"), None, (To::Ddim, By::Leading)),
            (Some(""), Some(""), (To::Euler, By::Linspace)),
            (None, None, (To::Euler, By::Linspace)),
        ] {
            assert_eq!(
                read(sampler, scheduler),
                expected,
                "{sampler:?} {scheduler:?}"
            );
        }
        for (sampler, scheduler) in [
            (Some("Restart"), None),
            (Some("Karras"), None),
            (Some("éé Karras"), None),
            (None, Some("Polyexponential")),
        ] {
            assert!(sampler_and_schedule(sampler, scheduler).is_err());
        }
    }
}
