//! What is to be drawn, in the other house's words, and how it becomes a drawing.

use atelier_core::{Planner, Seed};
use atelier_server::door::{DrawingRequest, Failure};
use uuid::Uuid;

use super::absent;
use super::options::Options;
use super::refusal::{Refusal, Result};
use super::said::Said;
use super::words::sampler_and_schedule;
use crate::key::Key;
use crate::whole::Whole;

/// What the other house does where nobody says anything.
const STEPS: Whole = Whole(50);
const ONE: Whole = Whole(1);
const GUIDANCE: f32 = 7.0;
/// What may be asked for.
const MOST_STEPS: (i64, i64) = (1, 200);
const COUNTS: (i64, i64) = (1, 64);
const SIDES: (i64, i64) = (8, 2048);
const MOST_PICTURES: usize = 64;
/// Seeds are numbers of 32 bits there.
const SEEDS: (i64, i64) = (0, u32::MAX as i64);
/// The seed that means any.
const ANY_SEED: i64 = -1;

/// A drawing that is wanted.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) drawing: DrawingRequest,
    /// Pictures that there are drawn at the same time.
    pub(super) batch_size: usize,
    /// Whether pictures stand in the answer.
    pub(super) sends_images: bool,
    /// What of it is set for all that comes after.
    pub(super) lasting: Option<Options>,
}

impl Wanted {
    /// Reads a request whose pictures were taken out of it.
    pub(super) fn of(said: &Said, options: Options, planner: &dyn Planner) -> Result<Self> {
        absent::check(said)?;
        let overrides = said.override_settings.get("override_settings")?;
        let overrides = overrides.map(|said| Options::said(said, planner));
        let overrides = overrides.transpose()?.unwrap_or_default();
        let bases = planner.list_bases().map_err(Failure::from)?;
        let options = overrides.clone().over(options.among(&bases));
        let restore = &said.override_settings_restore_afterwards;
        let is_lasting = restore.get("override_settings_restore_afterwards")? == Some(&false);
        let sampler = said.sampler_name.get("sampler_name")?;
        let sampler = match sampler.filter(|name| !name.trim().is_empty()) {
            None => said.sampler_index.get("sampler_index")?,
            named => named,
        };
        let scheduler = said.scheduler.get("scheduler")?;
        let sampler = sampler.map(String::as_str);
        let (sampler, schedule) = sampler_and_schedule(sampler, scheduler.map(String::as_str))?;
        let batch_size = number((&said.batch_size, "batch_size"), ONE, COUNTS)?;
        let batches = number((&said.n_iter, "n_iter"), ONE, COUNTS)?;
        let usual = DrawingRequest::default();
        let drawing = DrawingRequest {
            base: options.base.clone(),
            prompt: said.prompt.get("prompt")?.cloned().unwrap_or_default(),
            negative: said
                .negative_prompt
                .get("negative_prompt")?
                .filter(|text| !text.is_empty())
                .cloned(),
            steps: number((&said.steps, "steps"), STEPS, MOST_STEPS)?,
            guidance: *said.cfg_scale.get("cfg_scale")?.unwrap_or(&GUIDANCE),
            sampler,
            schedule,
            seed: seed(said)?,
            noise: options.noise.unwrap_or(usual.noise),
            clip_skip: options.clip_skip.unwrap_or(usual.clip_skip),
            width: side(&said.width, "width")?,
            height: side(&said.height, "height")?,
            count: count(batch_size, batches)?,
            ..usual
        };
        Ok(Self {
            drawing,
            batch_size,
            sends_images: *said.send_images.get("send_images")?.unwrap_or(&true),
            lasting: is_lasting.then_some(overrides),
        })
    }
}

fn number((key, name): (&Key<Whole>, &str), usual: Whole, range: (i64, i64)) -> Result<usize> {
    let number = *key.get(name)?.unwrap_or(&usual);
    Ok(number.within(name, range)?)
}

fn count(batch_size: usize, batches: usize) -> Result<usize> {
    let count = batch_size * batches;
    if count <= MOST_PICTURES {
        return Ok(count);
    }
    let message =
        format!("`batch_size` × `n_iter` are {count} pictures, at most {MOST_PICTURES} are drawn");
    Err(Refusal::invalid(message))
}

/// A side in pixels. Where there is none, the base's own size, or that of the start picture, is drawn.
fn side(key: &Key<Whole>, name: &str) -> Result<Option<usize>> {
    let Some(side) = key.get(name)? else {
        return Ok(None);
    };
    let side = side.within(name, SIDES)?;
    if side.is_multiple_of(8) {
        return Ok(Some(side));
    }
    Err(Refusal::invalid(format!(
        "`{name}` must be a multiple of 8"
    )))
}

fn seed(said: &Said) -> Result<Seed> {
    let seed = said.seed.get("seed")?;
    match seed.filter(|seed| seed.0 != ANY_SEED) {
        Some(seed) => Ok(Seed(seed.within("seed", SEEDS)? as u64)),
        // Random, and as small as those that can be asked for.
        None => Ok(Seed(u64::from(Uuid::new_v4().as_u128() as u32))),
    }
}
