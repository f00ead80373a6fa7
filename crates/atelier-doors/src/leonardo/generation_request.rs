//! What is to be drawn, in the other house's words, and how it becomes a drawing.

use std::sync::Arc;

use atelier_core::{DoorWord, Planner, Seed};
use atelier_server::door::{DrawingRequest, UsedModel, is_known_model, known_base, mapped_base};
use atelier_store::{Library, Model, ModelCall, ModelId};
use serde::de::{IgnoredAny, SeqAccess};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use uuid::Uuid;

use super::fine_tuned;
use super::mapping::{USUAL_MODEL, USUAL_PRESET, VERSIONS, check_version, sampler, size};
use super::refusal::{Refusal, Result};
use crate::key::{Key, Meaning, pass_over_list};
use crate::whole::Whole;

/// What the clients fill in where their user says nothing.
const PROMPT: &str = "A majestic cat in the snow";
const COUNT: Whole = Whole(4);
const SIZE: [Whole; 2] = [Whole(1024), Whole(768)];
/// What the other house does where nobody says anything.
const STEPS: Whole = Whole(15);
const GUIDANCE: f32 = 7.0;
/// What may be asked for.
const COUNTS: (i64, i64) = (1, 8);
const SIDES: (i64, i64) = (32, 1536);
const MOST_STEPS: (i64, i64) = (1, 60);
const SEEDS: (i64, i64) = (0, 9_999_999_998);
const MOST_ELEMENTS: usize = 8;

/// A generation that is wanted. What is not here is passed over.
#[derive(Debug, Deserialize)]
pub(super) struct CreateGeneration {
    prompt: Option<String>,
    negative_prompt: Option<String>,
    num_images: Option<Whole>,
    width: Option<Whole>,
    height: Option<Whole>,
    num_inference_steps: Option<Whole>,
    guidance_scale: Option<f32>,
    seed: Option<Whole>,
    scheduler: Option<String>,
    sd_version: Option<String>,
    #[serde(rename = "modelId")]
    model: Option<String>,
    #[serde(rename = "presetStyle")]
    preset: Option<String>,
    #[serde(rename = "userElements")]
    user_elements: Option<Vec<UserElement>>,
    elements: Option<Vec<Element>>,
    // What follows would make another picture, and is not there.
    #[serde(default)]
    init_image_id: Key<Other>,
    #[serde(default)]
    init_generation_image_id: Key<Other>,
    #[serde(default)]
    controlnets: Key<Other>,
    #[serde(rename = "controlNet", default)]
    control_net: Key<Other>,
    #[serde(rename = "imagePrompts", default)]
    image_prompts: Key<Other>,
    #[serde(rename = "canvasRequest", default)]
    canvas_request: Key<Other>,
    #[serde(default)]
    unzoom: Key<Other>,
    #[serde(default)]
    tiling: Key<Other>,
    #[serde(default)]
    transparency: Key<Other>,
}

/// A model by its number.
#[derive(Debug, Deserialize)]
struct UserElement {
    #[serde(rename = "userLoraId")]
    number: Option<Whole>,
    weight: Option<f32>,
}

/// A model by its id.
#[derive(Debug, Deserialize)]
struct Element {
    #[serde(rename = "akUUID")]
    id: String,
    weight: Option<f32>,
}

/// Whether a value asks for another picture: anything but no, an empty list, and words that say so.
#[derive(Debug)]
struct Other(bool);

impl Meaning for Other {
    fn of_plain<'de, D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(value)? {
            Value::Bool(is_on) => is_on,
            Value::String(text) => !text.is_empty() && text != "disabled",
            _ => true,
        }))
    }

    fn of_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Result<Self, String>, A::Error> {
        let is_any = list.next_element::<IgnoredAny>()?.is_some();
        pass_over_list(&mut list)?;
        Ok(Ok(Self(is_any)))
    }
}

/// What is asked while a generation becomes a drawing.
pub(super) struct Asked {
    pub(super) library: Library,
    pub(super) planner: Arc<dyn Planner>,
}

impl CreateGeneration {
    /// Refuses the first thing that is wanted and not there.
    fn check_absent(&self) -> Result<()> {
        let absent = [
            (
                &self.init_image_id,
                "drawing from pictures (`init_image_id`)",
            ),
            (
                &self.init_generation_image_id,
                "drawing from pictures (`init_generation_image_id`)",
            ),
            (&self.controlnets, "`controlnets`"),
            (&self.control_net, "`controlNet`"),
            (&self.image_prompts, "`imagePrompts`"),
            (&self.canvas_request, "`canvasRequest`"),
            (&self.unzoom, "`unzoom`"),
            (&self.tiling, "`tiling`"),
            (&self.transparency, "`transparency`"),
        ];
        let is_wanted = |key: &Key<Other>| key.is_some_and(|Other(is_wanted)| *is_wanted);
        let wanted = absent.iter().find(|(key, _)| is_wanted(key));
        wanted.map_or(Ok(()), |(_, what)| Err(Refusal::not_supported(what)))
    }

    /// Refuses more elements than a drawing may have, before any is looked up.
    fn check_count(&self) -> Result<()> {
        let by_number = self.user_elements.as_ref().map_or(0, Vec::len);
        let by_id = self.elements.as_ref().map_or(0, Vec::len);
        if by_number + by_id <= MOST_ELEMENTS {
            return Ok(());
        }
        let message = format!("there are more than {MOST_ELEMENTS} elements");
        Err(Refusal::invalid(message))
    }

    /// The same in this house's words.
    pub(super) fn into_drawing(self, asked: &Asked) -> Result<DrawingRequest> {
        self.check_absent()?;
        self.check_count()?;
        check_version(self.sd_version.as_deref(), VERSIONS)?;
        let (base, models) = self.base_and_models(asked)?;
        let of_base = match (&base, models.first()) {
            (None, Some(used)) => Some(asked.library.get_model(used.model)?.base),
            _ => base.clone(),
        };
        let native = known_base(&asked.planner, of_base.as_deref())?.native_size;
        let width = side(self.width.unwrap_or(SIZE[0]))?;
        let height = side(self.height.unwrap_or(SIZE[1]))?;
        let [width, height] = size(native, [width, height]);
        let steps = self.num_inference_steps.unwrap_or(STEPS);
        let seed = self
            .seed
            .map(|seed| seed.within("seed", SEEDS))
            .transpose()?;
        Ok(DrawingRequest {
            base,
            models,
            prompt: self.prompt.unwrap_or_else(|| PROMPT.to_owned()),
            negative: self.negative_prompt.filter(|text| !text.is_empty()),
            count: self
                .num_images
                .unwrap_or(COUNT)
                .within("num_images", COUNTS)?,
            steps: steps.within("num_inference_steps", MOST_STEPS)?,
            guidance: self.guidance_scale.unwrap_or(GUIDANCE),
            sampler: sampler(self.scheduler.as_deref())?,
            seed: Seed(seed.map_or_else(any_seed, |seed| seed as u64)),
            width: Some(width),
            height: Some(height),
            ..DrawingRequest::default()
        })
    }

    /// What the model means: a base by its name, a model of the library by its id, or a word that a base stands for.
    fn base_and_models(&self, asked: &Asked) -> Result<(Option<String>, Vec<UsedModel>)> {
        let mut models = Vec::new();
        let mut base = None;
        if let Some(id) = self.model.as_deref() {
            match id.parse::<ModelId>() {
                Ok(_) if is_known_model(&asked.library, id)? => {}
                Ok(id) => {
                    let model = ready(&asked.library, ModelCall::Id(id));
                    let model = model.map_err(|refusal| refusal.or_unmapped(id))?;
                    models.push(used(&model, None));
                }
                Err(_) => base = Some(known_base(&asked.planner, Some(id))?.name),
            }
        }
        for element in self.user_elements.iter().flatten() {
            let Some(number) = element.number else {
                return Err(Refusal::invalid("an element has no `userLoraId`"));
            };
            let number = u32::try_from(number.0);
            let number = number.map_err(|_| Refusal::not_found("there is no such element"))?;
            let model = ready(&asked.library, ModelCall::Number(number))?;
            models.push(used(&model, element.weight));
        }
        for element in self.elements.iter().flatten() {
            let id = element.id.parse::<ModelId>();
            let id = id.map_err(|_| Refusal::not_found("there is no such element"))?;
            let model = ready(&asked.library, ModelCall::Id(id))?;
            models.push(used(&model, element.weight));
        }
        if base.is_none() {
            base = self.mapped_base(asked, models.is_empty())?;
        }
        Ok((base, models))
    }

    /// The base that stands for a word of the request: one that its user chose, or else, where no model says which, one that
    /// clients fill in.
    fn mapped_base(&self, asked: &Asked, is_plain: bool) -> Result<Option<String>> {
        let words = [
            (DoorWord::ModelId, &self.model, USUAL_MODEL),
            (DoorWord::SdVersion, &self.sd_version, ""),
            (DoorWord::Preset, &self.preset, USUAL_PRESET),
        ];
        let said = |is_filled_in: bool| {
            let words = words.iter().filter_map(move |(kind, word, usual)| {
                let word = word.as_deref()?;
                (is_filled_in == (word == *usual)).then_some((*kind, word))
            });
            words.collect::<Vec<_>>()
        };
        let mut asked_for = said(false);
        if is_plain {
            asked_for.extend(said(true));
        }
        Ok(mapped_base(&asked.library, &asked.planner, &asked_for)?)
    }
}

/// A number, as width or height.
fn side(number: Whole) -> Result<usize> {
    let side = number.within("width` and `height", SIDES)?;
    if side.is_multiple_of(8) {
        return Ok(side);
    }
    let message = "`width` and `height` must be multiples of 8";
    Err(Refusal::invalid(message))
}

/// A model that is there; one that is still trained draws nothing yet, and one whose training failed or was cancelled nothing.
fn ready(library: &Library, call: ModelCall) -> Result<Model> {
    let found = library.get_promised_model(call)?;
    let (number, status) = (found.number, fine_tuned::status(&found));
    found.model.ok_or_else(|| match status {
        None => fine_tuned::gone(),
        Some("FAILED") => Refusal::invalid(format!("the training of element {number} failed")),
        Some(_) => Refusal::invalid(format!("the element {number} is not trained yet")),
    })
}

fn used(model: &Model, strength: Option<f32>) -> UsedModel {
    UsedModel {
        model: model.id,
        epoch: None,
        strength,
        text_strength: None,
    }
}

/// A seed that nobody asked for, as small as those that can be asked for.
fn any_seed() -> u64 {
    u64::from(Uuid::new_v4().as_u128() as u32)
}
