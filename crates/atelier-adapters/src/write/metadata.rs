//! What an adapter file says about its training, in the keys that other programs read.
//!
//! `ss_*` follow `kohya-ss/sd-scripts:train_network.py`, `modelspec.*` follow `Stability-AI/ModelSpec` 1.0.1. All
//! values are text; truth values are written as Python writes them.

use std::collections::BTreeMap;

use atelier_core::AdapterFamily;
use serde_json::{Value, json};

/// Where the hash of the dataset's version stands.
const DATASET_KEY: &str = "atelier.dataset_version";
/// Where the settings of this program's trainings stand.
const SETTINGS_KEY: &str = "atelier.train_config";

/// What is known about a training. Absent values are left out of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KohyaMetadata {
    /// The architecture of the base.
    pub family: AdapterFamily,
    /// `LyCORIS`'s word for the kind of the layers, such as `loha`; absent for plain `LoRA` and `LoCon`.
    pub algorithm: Option<String>,
    /// Rank of the adapter.
    pub rank: usize,
    /// Alpha of the adapter.
    pub alpha: f32,
    /// Rank of the 3×3 convolutions, when they were trained.
    pub conv_rank: Option<usize>,
    /// The name that other programs show.
    pub output_name: String,
    /// The word that calls the training.
    pub trigger: String,
    /// A number that tells trainings apart.
    pub session_id: Option<u64>,
    /// Seconds since the Unix epoch.
    pub started_at_unix_secs: Option<f64>,
    /// Seconds since the Unix epoch.
    pub finished_at_unix_secs: Option<f64>,
    /// Free text.
    pub comment: Option<String>,
    /// Optimizer steps in this file.
    pub steps: Option<u64>,
    /// Optimizer steps of the whole training.
    pub max_train_steps: Option<u64>,
    /// Epochs in this file.
    pub epoch: Option<usize>,
    /// Epochs of the whole training.
    pub epochs: Option<usize>,
    /// Step size.
    pub learning_rate: Option<f64>,
    /// Whether the text encoder was trained too.
    pub text_encoder_trained: bool,
    /// The optimizer with its arguments, such as `AdamW(weight_decay=0.01)`.
    pub optimizer: Option<String>,
    /// Name of the learning-rate schedule.
    pub lr_scheduler: Option<String>,
    /// Steps over which the rate rises.
    pub lr_warmup_steps: Option<usize>,
    /// Limit on the norm of the gradients.
    pub max_grad_norm: Option<f64>,
    /// Number of pictures.
    pub num_train_images: Option<usize>,
    /// How often an epoch took each picture; once where it is absent.
    pub repeats: Option<usize>,
    /// Batches per epoch.
    pub num_batches_per_epoch: Option<usize>,
    /// Pictures per step.
    pub batch_size: Option<usize>,
    /// Width and height of the training pictures in pixels.
    pub resolution: Option<(usize, usize)>,
    /// Name of the dataset's folder.
    pub dataset_name: Option<String>,
    /// Hash of the version of the dataset.
    pub dataset_hash: Option<String>,
    /// Probability that a caption was left out.
    pub caption_dropout: Option<f64>,
    /// Seed of the training.
    pub seed: Option<u64>,
    /// Name of the base model.
    pub base_name: Option<String>,
    /// SHA-256 of the base model.
    pub base_hash: Option<String>,
    /// What the denoiser predicts, `epsilon` or `v`.
    pub prediction_type: Option<String>,
    /// Every setting of this program's training as JSON; other programs have no key for some of them.
    pub settings: Option<String>,
}

impl KohyaMetadata {
    /// The keys and values.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let mut map = Map::default();
        self.put_minimum(&mut map);
        self.put_identity(&mut map);
        self.put_rates(&mut map);
        self.put_data(&mut map);
        self.put_model_spec(&mut map);
        map.0
    }

    /// The keys and values of an adapter of whose training nothing is known.
    pub fn to_minimum(&self) -> BTreeMap<String, String> {
        let mut map = Map::default();
        self.put_minimum(&mut map);
        self.put_model_spec(&mut map);
        map.0
    }

    /// Whether the denoiser predicts velocity.
    fn predicts_v(&self) -> bool {
        self.prediction_type.as_deref() == Some("v")
    }

    /// What kohya keeps even when metadata is turned off.
    fn put_minimum(&self, map: &mut Map) {
        let mut args = serde_json::Map::new();
        if let Some(rank) = self.conv_rank {
            let alpha = python_float(f64::from(self.alpha));
            args.insert("conv_dim".to_owned(), rank.to_string().into());
            args.insert("conv_alpha".to_owned(), alpha.into());
        }
        if let Some(algorithm) = &self.algorithm {
            args.insert("algo".to_owned(), algorithm.as_str().into());
        }
        let module = match self.algorithm {
            Some(_) => "lycoris.kohya",
            None => "networks.lora",
        };
        let version = match (self.family, self.predicts_v()) {
            (AdapterFamily::Sd1, false) => "sd_v1",
            (AdapterFamily::Sd1, true) => "sd_v1_v",
            (AdapterFamily::Sd2, false) => "sd_v2",
            (AdapterFamily::Sd2, true) => "sd_v2_v",
            (AdapterFamily::Sdxl, _) => "sdxl_base_v1-0",
        };
        map.put("ss_v2", python_bool(self.family == AdapterFamily::Sd2));
        map.put("ss_base_model_version", version);
        map.put("ss_network_module", module);
        map.put("ss_network_dim", self.rank.to_string());
        map.put("ss_network_alpha", python_float(f64::from(self.alpha)));
        map.put("ss_network_args", Value::Object(args));
    }

    fn put_identity(&self, map: &mut Map) {
        map.put("ss_output_name", &self.output_name);
        map.put_some("ss_session_id", self.session_id);
        map.put_float("ss_training_started_at", self.started_at_unix_secs);
        map.put_float("ss_training_finished_at", self.finished_at_unix_secs);
        map.put_some("ss_training_comment", self.comment.as_ref());
        map.put_some(DATASET_KEY, self.dataset_hash.as_ref());
        map.put_some(SETTINGS_KEY, self.settings.as_ref());
        map.put_some("ss_steps", self.steps);
        map.put_some("ss_max_train_steps", self.max_train_steps);
        map.put_some("ss_epoch", self.epoch);
        map.put_some("ss_num_epochs", self.epochs);
        map.put_some("ss_seed", self.seed);
        map.put_some("ss_sd_model_name", self.base_name.as_ref());
        map.put_some("ss_new_sd_model_hash", self.base_hash.as_ref());
    }

    fn put_rates(&self, map: &mut Map) {
        map.put_float("ss_learning_rate", self.learning_rate);
        map.put_float("ss_unet_lr", self.learning_rate);
        if self.text_encoder_trained {
            map.put_float("ss_text_encoder_lr", self.learning_rate);
        } else {
            map.put("ss_text_encoder_lr", "None");
        }
        map.put_some("ss_optimizer", self.optimizer.as_ref());
        map.put_some("ss_lr_scheduler", self.lr_scheduler.as_ref());
        map.put_some("ss_lr_warmup_steps", self.lr_warmup_steps);
        map.put_float("ss_max_grad_norm", self.max_grad_norm);
        map.put("ss_gradient_accumulation_steps", "1");
        map.put("ss_gradient_checkpointing", "False");
    }

    fn put_data(&self, map: &mut Map) {
        let repeats = self.repeats.unwrap_or(1);
        // Counted as often as an epoch takes them.
        let taken = self.num_train_images.map(|images| images * repeats);
        map.put_some("ss_num_train_images", taken);
        map.put("ss_num_reg_images", "0");
        map.put_some("ss_num_batches_per_epoch", self.num_batches_per_epoch);
        map.put_some("ss_total_batch_size", self.batch_size);
        map.put_some("ss_batch_size_per_device", self.batch_size);
        if let Some((width, height)) = self.resolution {
            map.put("ss_resolution", format!("({width}, {height})"));
        }
        map.put_float("ss_caption_dropout_rate", self.caption_dropout);
        let images = self.num_train_images.unwrap_or(1);
        let folder = self.dataset_name.as_ref().unwrap_or(&self.trigger);
        let folder = format!("{repeats}_{folder}");
        if self.num_train_images.is_some() {
            let about = json!({"n_repeats": repeats, "img_count": images});
            map.put("ss_dataset_dirs", one_field(&folder, about));
        }
        if !self.trigger.is_empty() {
            let count = one_field(&self.trigger, json!(images));
            map.put("ss_tag_frequency", one_field(&folder, count));
        }
    }

    fn put_model_spec(&self, map: &mut Map) {
        map.put("modelspec.sai_model_spec", "1.0.1");
        let architecture = match (self.family, self.predicts_v()) {
            (AdapterFamily::Sd1, _) => "stable-diffusion-v1/lora",
            (AdapterFamily::Sd2, false) => "stable-diffusion-v2-512/lora",
            (AdapterFamily::Sd2, true) => "stable-diffusion-v2-768-v/lora",
            (AdapterFamily::Sdxl, _) => "stable-diffusion-xl-v1-base/lora",
        };
        let implementation = match self.family {
            AdapterFamily::Sd1 | AdapterFamily::Sd2 => "diffusers",
            AdapterFamily::Sdxl => "https://github.com/Stability-AI/generative-models",
        };
        map.put("modelspec.architecture", architecture);
        map.put("modelspec.implementation", implementation);
        if !self.output_name.is_empty() {
            map.put("modelspec.title", &self.output_name);
        }
        if let Some((width, height)) = self.resolution {
            map.put("modelspec.resolution", format!("{width}x{height}"));
        }
        map.put_some(
            "modelspec.date",
            self.finished_at_unix_secs.map(iso_date_time),
        );
        map.put_some("modelspec.prediction_type", self.prediction_type.as_ref());
        if !self.trigger.is_empty() {
            map.put("modelspec.trigger_phrase", &self.trigger);
        }
    }
}

#[derive(Default)]
struct Map(BTreeMap<String, String>);

impl Map {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "numbers and borrowed texts alike"
    )]
    fn put(&mut self, key: &str, value: impl ToString) {
        self.0.insert(key.to_owned(), value.to_string());
    }

    fn put_some(&mut self, key: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    fn put_float(&mut self, key: &str, value: Option<f64>) {
        self.put_some(key, value.map(python_float));
    }
}

fn one_field(key: &str, value: Value) -> Value {
    Value::Object(std::iter::once((key.to_owned(), value)).collect())
}

/// As Python writes it.
fn python_bool(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// Always with a point or an exponent, as Python writes it.
fn python_float(value: f64) -> String {
    format!("{value:?}")
}

/// `YYYY-MM-DDThh:mm:ssZ`; the calendar arithmetic counts years from March, so that the leap day comes last.
#[expect(clippy::cast_sign_loss, reason = "clamped to 0 or more")]
fn iso_date_time(unix_secs: f64) -> String {
    let secs = unix_secs.max(0.0) as u64;
    let (days, time) = (secs / 86_400, secs % 86_400);
    // Days since 0000-03-01, in eras of 400 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days_and_year_ends() {
        for (secs, expected) in [
            (0.0, "1970-01-01T00:00:00Z"),
            (951_782_400.0, "2000-02-29T00:00:00Z"),
            (1_709_251_199.0, "2024-02-29T23:59:59Z"),
            (1_735_689_599.9, "2024-12-31T23:59:59Z"),
            (4_107_542_400.0, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(iso_date_time(secs), expected);
        }
    }

    #[test]
    fn readers_find_version_trigger_and_truth_values_as_they_expect() {
        let map = KohyaMetadata {
            rank: 4,
            alpha: 4.0,
            trigger: "BlobCharV1".to_owned(),
            num_train_images: Some(24),
            ..KohyaMetadata::default()
        }
        .to_map();
        assert_eq!(map["ss_v2"], "False");
        assert_eq!(map["ss_base_model_version"], "sd_v1");
        assert_eq!(map["ss_network_alpha"], "4.0");
        assert_eq!(map["ss_network_args"], "{}");
        assert_eq!(
            map["ss_tag_frequency"],
            r#"{"1_BlobCharV1":{"BlobCharV1":24}}"#
        );
        assert_eq!(
            map["ss_dataset_dirs"],
            r#"{"1_BlobCharV1":{"n_repeats":1,"img_count":24}}"#
        );
        assert_eq!(map["modelspec.trigger_phrase"], "BlobCharV1");
        assert_eq!(map["modelspec.architecture"], "stable-diffusion-v1/lora");
        assert!(!map.contains_key("ss_seed"));
    }

    #[test]
    fn each_family_is_called_as_kohya_and_modelspec_call_it() {
        for (family, prediction, v2, version, architecture) in [
            (
                AdapterFamily::Sd1,
                "epsilon",
                "False",
                "sd_v1",
                "stable-diffusion-v1/lora",
            ),
            (
                AdapterFamily::Sd2,
                "epsilon",
                "True",
                "sd_v2",
                "stable-diffusion-v2-512/lora",
            ),
            (
                AdapterFamily::Sd2,
                "v",
                "True",
                "sd_v2_v",
                "stable-diffusion-v2-768-v/lora",
            ),
            (
                AdapterFamily::Sdxl,
                "epsilon",
                "False",
                "sdxl_base_v1-0",
                "stable-diffusion-xl-v1-base/lora",
            ),
        ] {
            let map = KohyaMetadata {
                family,
                prediction_type: Some(prediction.to_owned()),
                algorithm: Some("loha".to_owned()),
                ..KohyaMetadata::default()
            }
            .to_map();
            assert_eq!(map["ss_v2"], v2);
            assert_eq!(map["ss_base_model_version"], version);
            assert_eq!(map["modelspec.architecture"], architecture);
            assert_eq!(map["modelspec.prediction_type"], prediction);
            assert_eq!(map["ss_network_module"], "lycoris.kohya");
            assert_eq!(map["ss_network_args"], r#"{"algo":"loha"}"#);
        }
    }
}
