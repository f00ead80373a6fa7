//! A run from folder to adapter, read from top to bottom: what is found out and made ready. Its steps are in `run.rs`.

use atelier_core::{
    BoxedError, Outcome, Phase, Progress, RunContext, TrainConfig, TrainReport, TrainRequest,
    Trainer, TrainingPictures,
};
use atelier_data::{FolderDataset, Limits, read_folder};
use atelier_diffusion::stable_diffusion::{Base, PackedFolder};
use atelier_nn::Engine;
use atelier_weights::HashSource;
use burn::tensor::Device;

use crate::cache::{Cache, Captions, Words};
use crate::checkpoint::{Checkpoints, trained_side};
use crate::memory::{MemoryPlan, Room};
use crate::notes::Notes;
use crate::place::Place;
use crate::plan_notes::plan_notes;
use crate::previews::{PreviewPlan, Previews};
use crate::record::{RunRecord, note_recompute};
use crate::run::{Inputs, Run};
use crate::{Error, Result};

/// Trains LoRA adapters in this process.
#[derive(Debug, Clone)]
pub struct LoraTrainer<'a> {
    /// Where the networks compute.
    pub device: Device,
    /// Where the hashes of the base's weights come from.
    pub hashes: &'a dyn HashSource,
    /// Memory of the device that the run may take, where it is known.
    pub free_bytes: Option<u64>,
    /// Where packed weights of bases are kept from run to run.
    pub packed: Option<PackedFolder>,
}

impl Trainer for LoraTrainer<'_> {
    fn train(
        &self,
        request: &TrainRequest,
        context: RunContext<'_>,
    ) -> Result<Outcome<TrainReport>, BoxedError> {
        Ok(self.run(request, context)?)
    }
}

impl LoraTrainer<'_> {
    /// What runs have to keep to.
    pub fn room(&self) -> Room {
        Room::on(&self.device, self.free_bytes)
    }

    fn run(&self, request: &TrainRequest, context: RunContext<'_>) -> Result<Outcome<TrainReport>> {
        let problems = request.config.problems();
        if !problems.is_empty() {
            return Err(Error::Settings { problems });
        }
        context.progress.report(Progress {
            phase: Phase::Preparing,
            done: 0,
            total: 1,
            loss: None,
        });
        let dataset = read_folder(&request.dataset, request.skip_bad, &Limits::default())?;
        let mut base = Base::open(&request.base)?;
        let asked = request;
        let (request, side_note) = &as_begun(asked, &base);
        let config = &request.config;
        check_resolution(config, &base)?;
        let pictures = pictures_of(&dataset);
        let memory = MemoryPlan::new(&base, config, pictures, self.room())?;
        let previews = PreviewPlan::new(&base, config, pictures.count)?.fitting(&memory);
        let base_hash = base.files().hash_with(self.hashes)?;
        if let Some(folder) = &self.packed {
            base.keep_packed(folder.clone(), base_hash.clone());
        }
        let record = RunRecord::of(asked, base_hash, &dataset);
        let place = Place::of(request);
        place.check(&record)?;
        let claim = place.claim(&record)?;
        let captions = Captions::of(&base, &dataset, config);
        let mut notes = Notes::of(&request.out, context.progress);
        notes.leave_out(&dataset.skipped);
        notes.add(dataset.caption_gaps.notes(Some(config.repeats)))?;
        notes.add(plan_notes(&base, config, pictures.count))?;
        notes.add(side_note.clone())?;
        notes.add(memory.previews.note())?;
        notes.add(captions.note)?;
        context.progress.found(pictures);
        let words = Words {
            config,
            captions: &captions.texts,
            previews: &previews.requests,
        };
        let filled = Cache::fill(&base, &dataset, words, &self.device, context)?;
        let Some((cache, drawings)) = filled else {
            let completed_steps = Checkpoints::of(&request.out).newest_step();
            return Ok(Outcome::Cancelled { completed_steps });
        };
        let epochs = previews.epochs;
        let previews = Previews::new(drawings, epochs, &request.out, config.precision);
        let loading = |done| {
            context.progress.report(Progress {
                phase: Phase::LoadingBase,
                done,
                total: 1,
                loss: None,
            });
        };
        loading(0);
        let device = self.device.clone().autodiff();
        let unet = base
            .load_unet(&device, Engine::from(config.precision))?
            .with_recompute(memory.recompute);
        may_publish(context)?;
        claim.record(&record)?;
        notes.keep()?;
        let made_steps = Checkpoints::of(&request.out).newest_step() > 0;
        note_recompute(&request.out, memory.recompute, made_steps)?;
        let inputs = Inputs {
            request,
            base: &base,
            dataset: &dataset,
            record,
            cache,
            memory,
            previews,
            notes,
            device: self.device.clone(),
        };
        let run = Run::prepare(inputs, unet, device, context)?;
        loading(1);
        run.finish()
    }
}

/// The request with the side at which its run began, where that is no longer what the base trains at by itself, and what to
/// tell of it: until settings of early folders were corrected, their own was taken.
fn as_begun(request: &TrainRequest, base: &Base) -> (TrainRequest, Option<String>) {
    let mut begun = request.clone();
    if !request.resume || request.config.resolution.is_some() {
        return (begun, None);
    }
    let native = base.native_size();
    let Some(side) = trained_side(&request.out).filter(|side| *side != native) else {
        return (begun, None);
    };
    begun.config.resolution = Some(side);
    let note = format!(
        "the run goes on with pictures of {side} pixels, since it began with them; a new run on this base takes {native}"
    );
    (begun, Some(note))
}

/// What plans need to know of a folder's pictures.
fn pictures_of(dataset: &FolderDataset) -> TrainingPictures {
    let samples = dataset.samples.iter();
    TrainingPictures::of_sides(samples.map(|sample| sample.size.map(|side| side as u64)))
}

/// Refuses to go on where another attempt does the same work now.
pub(crate) fn may_publish(context: RunContext<'_>) -> Result<()> {
    context.permit.may_publish().map_err(Error::Superseded)
}

/// Pictures must fill whole latents.
///
/// # Errors
/// When the resolution is no multiple of what the base's autoencoder makes one latent of.
pub fn check_resolution(config: &TrainConfig, base: &Base) -> Result<()> {
    let (side, factor) = (
        training_side(config, base),
        base.vae_config.pixels_per_latent(),
    );
    if side > 0 && side % factor == 0 {
        return Ok(());
    }
    let problem = format!("`resolution` is {side}, must be a multiple of {factor}");
    Err(Error::Settings {
        problems: vec![problem],
    })
}

/// Side of the training pictures in pixels.
pub(crate) fn training_side(config: &TrainConfig, base: &Base) -> usize {
    config.resolution.unwrap_or_else(|| base.native_size())
}
