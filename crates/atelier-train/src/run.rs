//! The steps of a run, from the newest checkpoint to the adapter.

use std::collections::BTreeMap;
use std::path::Path;

use atelier_adapters::{AdapterFormat, BaseLayers, KohyaMetadata, NamedAdapter, ReadBy};
use atelier_core::{
    Outcome, Phase, Progress, RunContext, Targets, TrainConfig, TrainReport, TrainRequest,
};
use atelier_data::FolderDataset;
use atelier_diffusion::schedule::PredictionType;
use atelier_diffusion::stable_diffusion::{Base, Unet};
use atelier_nn::Visit as _;
use atelier_nn::adamw::{AdamW, Pace};
use atelier_nn::device::{guard, recover};
use atelier_nn::kernels::awake;
use atelier_nn::learning_rate::{Decay, LearningRate};
use atelier_nn::lora::Detach;
use atelier_weights::{DType, TensorFile};
use burn::tensor::Device;

use crate::cache::Cache;
use crate::checkpoint::{ADAPTER, Checkpoints, Snapshot};
use crate::factors::AdapterFactors;
use crate::memory::MemoryPlan;
use crate::notes::Notes;
use crate::order::Order;
use crate::previews::{Previews, Shown, Studio};
use crate::record::RunRecord;
use crate::step::training_step;
use crate::trainer::{may_publish, training_side};
use crate::{Error, Result};

/// What a run is made of.
pub(crate) struct Inputs<'a> {
    pub(crate) request: &'a TrainRequest,
    pub(crate) base: &'a Base,
    pub(crate) dataset: &'a FolderDataset,
    pub(crate) record: RunRecord,
    pub(crate) cache: Cache,
    pub(crate) memory: MemoryPlan,
    pub(crate) previews: Previews,
    pub(crate) notes: Notes<'a>,
    /// Where networks are that only draw.
    pub(crate) device: Device,
}

/// A run in progress.
pub(crate) struct Run<'a> {
    inputs: Inputs<'a>,
    unet: Unet,
    device: Device,
    context: RunContext<'a>,
    factors: AdapterFactors,
    /// The layers of the base, and how adapter files call them.
    layers: BaseLayers,
    checkpoints: Checkpoints,
    order: Order,
    step: u64,
    /// Those that the run goes on from.
    made_before: u64,
    losses: Vec<f32>,
    started_at: f64,
    preview_secs: f64,
    preview_pictures: u64,
}

impl<'a> Run<'a> {
    /// Puts fresh factors on the denoiser, or those of the newest checkpoint.
    pub(crate) fn prepare(
        mut inputs: Inputs<'a>,
        mut unet: Unet,
        device: Device,
        context: RunContext<'a>,
    ) -> Result<Self> {
        let config = &inputs.request.config;
        let mut factors = AdapterFactors::fresh(
            &mut unet,
            config.targets,
            config.rank,
            config.alpha,
            config.seed,
        );
        let checkpoints = Checkpoints::of(&inputs.request.out);
        let (state, damaged) = checkpoints.load_newest(&mut factors)?;
        let packed = inputs.base.take_packed_problem();
        inputs.notes.add(damaged.into_iter().chain(packed))?;
        factors.attach(&mut unet, &device);
        let layers = inputs.base.adapter_layers()?;
        let (step, losses) = state.map_or((0, Vec::new()), |state| (state.step, state.losses));
        let order = inputs.cache.order;
        let started_at = context.clock.unix_secs();
        Ok(Self {
            inputs,
            unet,
            device,
            context,
            factors,
            layers,
            checkpoints,
            order,
            step,
            made_before: step,
            losses,
            started_at,
            preview_secs: 0.0,
            preview_pictures: 0,
        })
    }

    fn config(&self) -> &'a TrainConfig {
        &self.inputs.request.config
    }

    /// All steps that are left, then the final adapter.
    pub(crate) fn finish(mut self) -> Result<Outcome<TrainReport>> {
        let begun = self.context.clock.unix_secs();
        let total = self.order.total_steps();
        // Those of the checkpoint that the run goes on from, where it was stopped before they were drawn.
        let mut goes_on = self.step == 0 || self.preview()?;
        while self.step < total && goes_on {
            if self.context.cancel.is_cancelled() {
                self.save_interrupted()?;
                return Ok(self.cancelled());
            }
            awake(|| self.advance())?;
            let loss = self.losses.last().copied();
            self.context.progress.report(Progress {
                phase: Phase::Training,
                done: self.step,
                total,
                loss,
            });
            if self.step.is_multiple_of(self.order.steps_per_epoch()) {
                self.end_epoch()?;
                goes_on = self.preview()?;
            }
        }
        if !goes_on {
            return Ok(self.cancelled());
        }
        let training_secs = self.context.clock.unix_secs() - begun - self.preview_secs;
        self.context.progress.report(Progress {
            phase: Phase::Saving,
            done: 0,
            total: 1,
            loss: None,
        });
        may_publish(self.context)?;
        let adapter = self.inputs.request.out.join(ADAPTER);
        if self.step > self.made_before || !self.is_written(&adapter) {
            self.adapter()
                .write(&adapter, DType::F16, &self.layers, ReadBy::All)?;
        }
        Ok(Outcome::Completed(TrainReport {
            adapter,
            checkpoints: self.checkpoints.epochs(),
            previews: self.inputs.previews.files().epochs(),
            trained_steps: self.step - self.made_before,
            losses: self.losses,
            pictures: self.inputs.dataset.samples.len(),
            skipped: self
                .inputs
                .dataset
                .skipped
                .iter()
                .map(ToString::to_string)
                .collect(),
            notes: self.inputs.notes.into_said(),
            recompute: self.inputs.memory.recompute,
            planned_peak_bytes: self.inputs.memory.peak_bytes(),
            training_secs,
            preview_secs: self.preview_secs,
            preview_pictures: self.preview_pictures,
        }))
    }

    /// Whether a file has what the checkpoint of the last epoch has: pictures that were drawn with it name it by its hash, in which
    /// the times of the training count.
    fn is_written(&self, adapter: &Path) -> bool {
        let last = self.checkpoints.adapter_of(self.config().epochs);
        match (TensorFile::open(adapter), TensorFile::open(last)) {
            (Ok(there), Ok(last)) => {
                let same = |name| {
                    let bytes = [&there, &last].map(|file| file.read_bytes(name).ok());
                    there.info(name) == last.info(name)
                        && bytes[0].is_some()
                        && bytes[0] == bytes[1]
                };
                there.names().eq(last.names()) && there.names().all(same)
            }
            _ => false,
        }
    }

    fn cancelled(&self) -> Outcome<TrainReport> {
        Outcome::Cancelled {
            completed_steps: self.step,
        }
    }

    /// One optimizer step. When the device fails, those before it are saved.
    fn advance(&mut self) -> Result<()> {
        let device = self.device.clone();
        let (mean, gradients) = match guard(&device, || self.loss_and_gradients()) {
            Ok(found) => found?,
            Err(failure) => {
                self.save_interrupted()?;
                failure.raise()
            }
        };
        let config = self.config();
        let rate = rate_of(config, self.order.total_steps());
        let optimizer = AdamW::with_weight_decay(config.weight_decay);
        let pace = Pace {
            step: self.step + 1,
            rate: rate.at(self.step),
        };
        let norm = self
            .factors
            .update(gradients, &optimizer, pace, config.max_grad_norm);
        if !norm.is_finite() {
            return Err(self.not_finite("gradient", norm, self.inputs.cache.names(self.step)));
        }
        self.losses.push(mean);
        self.step += 1;
        Ok(())
    }

    /// All that the device does in a step; the rest of the run is kept by the processor.
    fn loss_and_gradients(&mut self) -> Result<(f32, Vec<Vec<f32>>)> {
        let schedule = &self.inputs.base.schedule;
        self.factors.install(&mut self.unet, &self.device);
        let batch = self.inputs.cache.batch(self.step, &self.device);
        let loss = training_step(&self.unet, schedule, batch);
        let mean = loss.per_picture.iter().sum::<f32>() / loss.per_picture.len() as f32;
        if !mean.is_finite() {
            let guilty = self.inputs.cache.guilty(self.step, &loss.per_picture);
            return Err(self.not_finite("loss", f64::from(mean), guilty));
        }
        let gradients = AdapterFactors::gradients(&mut self.unet, loss.mean.backward());
        Ok((mean, gradients))
    }

    fn not_finite(&self, what: &'static str, value: f64, pictures: String) -> Error {
        Error::LossNotFinite {
            step: self.step + 1,
            epoch: self.order.epoch_of(self.step),
            what,
            value,
            pictures,
        }
    }

    fn end_epoch(&mut self) -> Result<()> {
        let epoch = self.order.epoch_of(self.step - 1);
        if epoch.is_multiple_of(self.config().checkpoint_every) || epoch == self.config().epochs {
            may_publish(self.context)?;
            self.checkpoints.save_epoch(epoch, self.snapshot())?;
        }
        Ok(())
    }

    /// Draws the previews of the epoch that has just ended, where they are due; false when that was asked to stop.
    fn preview(&mut self) -> Result<bool> {
        let epoch = self.order.epoch_of(self.step - 1);
        let is_at_end = self.step.is_multiple_of(self.order.steps_per_epoch());
        if !is_at_end || !self.inputs.previews.are_due(epoch) {
            return Ok(true);
        }
        let begun = self.context.clock.unix_secs();
        let Inputs { base, record, .. } = &self.inputs;
        let mut studio = Studio {
            base,
            base_words: (&record.base_name, &record.base_hash),
            unet: &mut self.unet,
            unet_device: &self.device,
            device: &self.inputs.device,
        };
        let adapter = self.checkpoints.adapter_of(epoch);
        let of = (epoch, adapter.as_path());
        let drawn = guard(&self.inputs.device, || {
            self.inputs.previews.draw(of, &mut studio, self.context)
        });
        // A device that has no room for them may have enough for steps.
        let shown = match drawn {
            Ok(shown) => shown?,
            Err(failure) => {
                recover(&self.inputs.device);
                Shown::Impossible(format!("the device did not draw them: {failure}"))
            }
        };
        self.unet.visit("", &mut Detach);
        self.factors.attach(&mut self.unet, &self.device);
        self.preview_secs += self.context.clock.unix_secs() - begun;
        match shown {
            Shown::Drawn { pictures } => self.preview_pictures += pictures,
            Shown::Stopped => return Ok(false),
            Shown::Impossible(why) => {
                may_publish(self.context)?;
                let note = format!("epoch {epoch} has no previews: {why}");
                self.inputs.notes.add([note])?;
            }
        }
        Ok(true)
    }

    fn save_interrupted(&self) -> Result<()> {
        if self.step == 0
            || self.step.is_multiple_of(self.order.steps_per_epoch()) && self.epoch_is_saved()
        {
            return Ok(());
        }
        may_publish(self.context)?;
        self.checkpoints.save_interrupted(self.snapshot())
    }

    fn epoch_is_saved(&self) -> bool {
        self.checkpoints
            .holds_epoch(self.order.epoch_of(self.step - 1))
    }

    fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            factors: &self.factors,
            adapter: self.adapter(),
            base: &self.layers,
            step: self.step,
            losses: &self.losses,
        }
    }

    /// The adapter as it is now.
    fn adapter(&self) -> NamedAdapter {
        NamedAdapter {
            format: AdapterFormat::Kohya,
            layers: self.factors.layers(self.layers.names()),
            metadata: self.metadata(),
            notes: Vec::new(),
        }
    }

    /// What the adapter file says about its training. Nothing here depends on when or where the run happened, except
    /// the two times, so that equal runs give equal weights.
    fn metadata(&self) -> BTreeMap<String, String> {
        let (config, record) = (self.config(), &self.inputs.record);
        let side = training_side(config, self.inputs.base);
        let velocity = self.inputs.base.schedule.prediction_type == PredictionType::VPrediction;
        KohyaMetadata {
            family: self.inputs.base.adapter_family(),
            rank: config.rank,
            alpha: config.alpha,
            conv_rank: (config.targets == Targets::TransformerAndConvolution)
                .then_some(config.rank),
            output_name: config.trigger.clone(),
            trigger: config.trigger.clone(),
            started_at_unix_secs: Some(self.started_at),
            finished_at_unix_secs: Some(self.context.clock.unix_secs()),
            steps: Some(self.step),
            max_train_steps: Some(self.order.total_steps()),
            epoch: Some(self.order.epoch_of(self.step.saturating_sub(1))),
            epochs: Some(config.epochs),
            learning_rate: Some(config.learning_rate),
            optimizer: Some(format!("AdamW(weight_decay={})", config.weight_decay)),
            lr_scheduler: Some("constant_with_warmup".to_owned()),
            lr_warmup_steps: Some(config.warmup_steps),
            max_grad_norm: Some(config.max_grad_norm),
            num_train_images: Some(record.pictures),
            repeats: Some(config.repeats),
            num_batches_per_epoch: Some(self.order.steps_per_epoch() as usize),
            batch_size: Some(config.batch_size),
            resolution: Some((side, side)),
            dataset_name: folder_name(&self.inputs.request.dataset),
            dataset_hash: Some(record.dataset_version.clone()),
            caption_dropout: Some(config.caption_dropout),
            seed: Some(config.seed.0),
            base_name: Some(record.base_name.clone()),
            base_hash: Some(record.base_hash.clone()),
            prediction_type: Some(if velocity { "v" } else { "epsilon" }.to_owned()),
            settings: serde_json::to_string(&record.config).ok(),
            ..KohyaMetadata::default()
        }
        .to_map()
    }
}

/// The learning rate of a training with so many steps.
pub(crate) fn rate_of(config: &TrainConfig, total_steps: u64) -> LearningRate {
    LearningRate {
        peak: config.learning_rate,
        warmup_steps: config.warmup_steps as u64,
        total_steps,
        decay: Decay::Constant,
    }
}

fn folder_name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_string_lossy().into_owned())
}
