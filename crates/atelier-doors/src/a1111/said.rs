//! What requests say: the keys that mean something here.

use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::key::{Key, Meaning, Wanted, pass_over_list};
use crate::whole::Whole;

/// What a request for a drawing says. Answers repeat it.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Said {
    pub(super) prompt: Key<String>,
    pub(super) negative_prompt: Key<String>,
    pub(super) seed: Key<Whole>,
    pub(super) steps: Key<Whole>,
    pub(super) cfg_scale: Key<f32>,
    pub(super) width: Key<Whole>,
    pub(super) height: Key<Whole>,
    pub(super) batch_size: Key<Whole>,
    pub(super) n_iter: Key<Whole>,
    pub(super) sampler_name: Key<String>,
    pub(super) sampler_index: Key<String>,
    pub(super) scheduler: Key<String>,
    pub(super) send_images: Key<bool>,
    pub(super) override_settings: Key<Settings>,
    pub(super) override_settings_restore_afterwards: Key<bool>,
    pub(super) eta: Key<f64>,
    pub(super) s_noise: Key<f64>,
    pub(super) initial_noise_multiplier: Key<f64>,
    pub(super) denoising_strength: Key<f64>,
    pub(super) resize_mode: Key<Whole>,
    pub(super) inpainting_fill: Key<Whole>,
    #[serde(skip_serializing)]
    pub(super) inpainting_mask_invert: Key<Wanted>,
    #[serde(skip_serializing)]
    pub(super) init_images: Key<Pictures>,
    #[serde(skip_serializing)]
    pub(super) mask: Key<String>,
    #[serde(skip_serializing)]
    pub(super) alwayson_scripts: Key<Scripts>,
    #[serde(skip_serializing)]
    pub(super) enable_hr: Key<Wanted>,
    #[serde(skip_serializing)]
    pub(super) restore_faces: Key<Wanted>,
    #[serde(skip_serializing)]
    pub(super) tiling: Key<Wanted>,
    #[serde(skip_serializing)]
    pub(super) styles: Key<Wanted>,
    #[serde(skip_serializing)]
    pub(super) script_name: Key<Wanted>,
    #[serde(skip_serializing)]
    pub(super) subseed_strength: Key<Wanted>,
    #[serde(skip_serializing)]
    pub(super) seed_resize_from_w: Key<Wanted>,
    #[serde(skip_serializing)]
    pub(super) seed_resize_from_h: Key<Wanted>,
    #[serde(skip_serializing)]
    pub(super) s_churn: Key<Wanted>,
    #[serde(skip_serializing)]
    pub(super) refiner_checkpoint: Key<Wanted>,
    #[serde(skip_serializing)]
    pub(super) disable_extra_networks: Key<Wanted>,
    #[serde(skip_serializing)]
    pub(super) infotext: Key<Wanted>,
    #[serde(skip_serializing)]
    pub(super) firstpass_image: Key<Wanted>,
    #[serde(skip_serializing)]
    pub(super) latent_mask: Key<Wanted>,
}

/// Settings over those of the server.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Settings {
    pub(super) sd_model_checkpoint: Key<String>,
    #[serde(rename = "CLIP_stop_at_last_layers")]
    pub(super) clip_stop_at_last_layers: Key<Whole>,
    pub(super) randn_source: Key<String>,
    pub(super) sd_vae: Key<String>,
    #[serde(skip_serializing)]
    pub(super) eta_noise_seed_delta: Key<Wanted>,
    #[serde(skip_serializing)]
    pub(super) s_min_uncond: Key<Wanted>,
    #[serde(skip_serializing)]
    pub(super) sd_hypernetwork: Key<Wanted>,
}

impl Meaning for Settings {
    fn of_plain<'de, D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let keys = Map::<String, Value>::deserialize(value);
        keys.map(|_| Self::default())
    }

    fn of_keys<'de, A: MapAccess<'de>>(keys: A) -> Result<Result<Self, String>, A::Error> {
        let settings = Self::deserialize(MapAccessDeserializer::new(keys));
        settings.map(Ok)
    }
}

/// Pictures, of which only the first is ever used.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pictures {
    pub(super) first: Option<String>,
    pub(super) count: usize,
}

impl Meaning for Pictures {
    fn of_plain<'de, D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let list = Vec::<String>::deserialize(value);
        list.map(|_| Self::default())
    }

    fn of_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Result<Self, String>, A::Error> {
        let mut pictures = Self::default();
        while let Some(one) = list.next_element::<Key<String>>()? {
            match one.read() {
                Ok(Some(picture)) if pictures.count == 0 => pictures.first = Some(picture),
                Ok(Some(_)) => {}
                Ok(None) => {
                    pass_over_list(&mut list)?;
                    return Ok(Err("invalid type: null, expected a string".to_owned()));
                }
                Err(problem) => {
                    pass_over_list(&mut list)?;
                    return Ok(Err(problem));
                }
            }
            pictures.count += 1;
        }
        Ok(Ok(pictures))
    }
}

/// The scripts that clients send with every request, of which some are switched off.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scripts {
    /// The first that is not.
    pub(super) on: Option<String>,
}

impl Meaning for Scripts {
    fn of_plain<'de, D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let keys = Map::<String, Value>::deserialize(value);
        keys.map(|_| Self::default())
    }

    fn of_keys<'de, A: MapAccess<'de>>(mut keys: A) -> Result<Result<Self, String>, A::Error> {
        let mut scripts = Self::default();
        while let Some(name) = keys.next_key::<String>()? {
            let script = keys.next_value::<Key<Script>>()?;
            if script.is_some_and(|Script(is_on)| *is_on) {
                scripts.on.get_or_insert(name);
            }
        }
        Ok(Ok(scripts))
    }
}

/// Whether a script would do something: its `args` say so.
struct Script(bool);

impl Meaning for Script {
    fn of_plain<'de, D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(value).map(|_| Self(false))
    }

    fn of_keys<'de, A: MapAccess<'de>>(mut keys: A) -> Result<Result<Self, String>, A::Error> {
        let mut script = Self(false);
        while let Some(name) = keys.next_key::<String>()? {
            if name == "args" {
                let args = keys.next_value::<Key<Args>>()?;
                script.0 = args.is_some_and(|Args(is_on)| *is_on);
            } else {
                keys.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Ok(script))
    }
}

/// Whether one of the arguments of a script says anything but no.
struct Args(bool);

impl Meaning for Args {
    fn of_plain<'de, D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        Wanted::of_plain(value).map(|Wanted(is_wanted)| Self(is_wanted))
    }

    fn of_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Result<Self, String>, A::Error> {
        let mut args = Self(false);
        while let Some(one) = list.next_element::<Key<Arg>>()? {
            args.0 |= one.is_some_and(|Arg(is_on)| *is_on);
        }
        Ok(Ok(args))
    }

    fn of_keys<'de, A: MapAccess<'de>>(keys: A) -> Result<Result<Self, String>, A::Error> {
        Ok(Arg::of_keys(keys)?.map(|Arg(is_on)| Self(is_on)))
    }
}

/// Whether an argument says anything but no. One with keys may say by one of them that it is switched off.
struct Arg(bool);

impl Meaning for Arg {
    fn of_plain<'de, D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        Wanted::of_plain(value).map(|Wanted(is_wanted)| Self(is_wanted))
    }

    fn of_list<'de, A: SeqAccess<'de>>(list: A) -> Result<Result<Self, String>, A::Error> {
        Ok(Wanted::of_list(list)?.map(|Wanted(is_wanted)| Self(is_wanted)))
    }

    fn of_keys<'de, A: MapAccess<'de>>(mut keys: A) -> Result<Result<Self, String>, A::Error> {
        let (mut is_any, mut enabled, mut enable) = (false, None, None);
        while let Some(name) = keys.next_key::<String>()? {
            is_any = true;
            match name.as_str() {
                "enabled" => enabled = Some(keys.next_value::<Key<Wanted>>()?.is_wanted()),
                "enable" => enable = Some(keys.next_value::<Key<Wanted>>()?.is_wanted()),
                _ => drop(keys.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Ok(Self(enabled.or(enable).unwrap_or(is_any))))
    }
}
