//! What is said of a training before its first step, while its progress is shown.

use std::sync::{Mutex, PoisonError};

use atelier_app::context::App;
use atelier_app::device::Chosen;
use atelier_app::memory;
use atelier_app::progress_bar::ProgressBar;
use atelier_app::train_settings::TrainSettings;
use atelier_core::{Progress, ProgressSink, TrainingPictures};
use atelier_diffusion::stable_diffusion::Base;
use atelier_runs::Expected;
use atelier_train::Room;

use super::Planned;

/// Progress that says what the training strength decided, how the number of steps comes about, and what memory and time the
/// run will take, as soon as the pictures are known.
pub(super) struct Announced<'a> {
    bar: ProgressBar,
    app: &'a App,
    settings: &'a TrainSettings,
    base: &'a Base,
    device: (&'a Chosen, Room),
    /// Steps that the run has made, where it goes on.
    made: Option<u64>,
    /// What was said already.
    said: Mutex<Vec<String>>,
}

impl<'a> Announced<'a> {
    /// That of a training; of one that goes on after so many steps as are `made`.
    pub(super) fn new(app: &'a App, planned: &'a Planned<'_>, made: Option<u64>) -> Self {
        let device = &planned.chosen.device;
        let free_bytes = planned.chosen.room_bytes(memory::free_bytes);
        Self {
            bar: app.output.progress(),
            app,
            settings: planned.plan.settings,
            base: planned.opened,
            device: (planned.chosen, Room::on(device, free_bytes)),
            made,
            said: Mutex::default(),
        }
    }

    fn is_new(&self, words: &str) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !said.iter().any(|known| known == words);
        if is_new {
            said.push(words.to_owned());
        }
        is_new
    }
}

impl ProgressSink for Announced<'_> {
    fn report(&self, progress: Progress) {
        self.bar.report(progress);
    }

    fn note(&self, note: &str) {
        if self.is_new(note) {
            self.bar.note(note);
        }
    }

    fn found(&self, pictures: TrainingPictures) {
        let config = &self.settings.config;
        let output = self.app.output;
        if let Some(decided) = self.settings.decided() {
            output.note(decided);
        }
        output.note(config.steps(pictures.count));
        let what = (config, pictures, self.made);
        let expected = Expected::of(self.app, self.base, what, self.device);
        // The trainer has made the same plan, so that it can be made; a library that cannot be read hinders no training.
        let lines = expected.iter().flat_map(Expected::lines);
        for line in lines.filter(|line| self.is_new(line)) {
            output.note(line);
        }
    }
}
