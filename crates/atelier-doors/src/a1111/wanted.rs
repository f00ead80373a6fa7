//! What is to be drawn, in the other house's words, and how it becomes a drawing.

use atelier_core::{Planner, Seed};
use atelier_server::door::DrawingRequest;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::absent;
use super::keys::Keys;
use super::options::Options;
use super::refusal::{Refusal, Result};
use super::words::sampler_and_schedule;
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
    /// What is set for all that comes after.
    pub(super) lasting: Option<Options>,
}

impl Wanted {
    /// Reads a request whose pictures were taken out of it.
    pub(super) fn of(
        said: &Map<String, Value>,
        options: Options,
        planner: &dyn Planner,
    ) -> Result<Self> {
        let keys = Keys(said);
        absent::check(keys)?;
        let overrides = keys.get::<Map<String, Value>>("override_settings")?;
        let options = options.with(&overrides.unwrap_or_default(), planner)?;
        let is_lasting = keys.get::<bool>("override_settings_restore_afterwards")? == Some(false);
        let sampler = keys.get::<String>("sampler_name")?;
        let sampler = sampler.filter(|name| !name.trim().is_empty());
        let sampler = sampler.map_or_else(|| keys.get("sampler_index"), |name| Ok(Some(name)))?;
        let scheduler = keys.get::<String>("scheduler")?;
        let (sampler, schedule) = sampler_and_schedule(sampler.as_deref(), scheduler.as_deref())?;
        let number = |key: &str, usual: Whole, range| -> Result<usize> {
            Ok(keys
                .get::<Whole>(key)?
                .unwrap_or(usual)
                .within(key, range)?)
        };
        let batch_size = number("batch_size", ONE, COUNTS)?;
        let usual = DrawingRequest::default();
        let drawing = DrawingRequest {
            base: options.base.clone(),
            prompt: keys.get("prompt")?.unwrap_or_default(),
            negative: keys
                .get("negative_prompt")?
                .filter(|text: &String| !text.is_empty()),
            steps: number("steps", STEPS, MOST_STEPS)?,
            guidance: keys.get("cfg_scale")?.unwrap_or(GUIDANCE),
            sampler,
            schedule,
            seed: seed(keys)?,
            noise: options.noise.unwrap_or(usual.noise),
            clip_skip: options.clip_skip.unwrap_or(usual.clip_skip),
            width: side(keys, "width")?,
            height: side(keys, "height")?,
            count: count(batch_size, number("n_iter", ONE, COUNTS)?)?,
            ..usual
        };
        Ok(Self {
            drawing,
            batch_size,
            sends_images: keys.get("send_images")?.unwrap_or(true),
            lasting: is_lasting.then_some(options),
        })
    }
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
fn side(keys: Keys<'_>, key: &str) -> Result<Option<usize>> {
    let Some(side) = keys.get::<Whole>(key)? else {
        return Ok(None);
    };
    let side = side.within(key, SIDES)?;
    if side.is_multiple_of(8) {
        return Ok(Some(side));
    }
    Err(Refusal::invalid(format!("`{key}` must be a multiple of 8")))
}

fn seed(keys: Keys<'_>) -> Result<Seed> {
    let seed = keys.get::<Whole>("seed")?;
    match seed.filter(|seed| seed.0 != ANY_SEED) {
        Some(seed) => Ok(Seed(seed.within("seed", SEEDS)? as u64)),
        // Random, and as small as those that can be asked for.
        None => Ok(Seed(u64::from(Uuid::new_v4().as_u128() as u32))),
    }
}
