//! What a training will be, before it starts: settings and where they come from, the sum of steps, memory, trigger word,
//! prompts for its previews.

use anyhow::Result;
use atelier_app::context::App;
use atelier_app::device::Chosen;
use atelier_app::train_settings::TrainSettings;
use atelier_core::{PlannedDuration, Recompute, StepCount, TrainConfig, TrainingPictures};
use atelier_diffusion::stable_diffusion::Base;
use atelier_failure::CodedResult as _;
use atelier_train::{MemoryPlan, PreviewPlan, Room, plan_notes};
use serde_json::{Map, Value, json};

use crate::duration::{Thought, duration_text, estimate};
use crate::trigger_word::JudgedWord;

/// Everything that is known before a training.
pub struct TrainPlan<'a> {
    /// Its settings, and where each comes from.
    pub settings: &'a TrainSettings,
    /// The word that will call what it learns.
    pub trigger_word: &'a JudgedWord,
}

/// What a training would find in its dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPictures {
    /// How many, and how large.
    pub pictures: TrainingPictures,
    /// Those that it would leave out, in words.
    pub skipped: Vec<String>,
    /// What a person should know of the captions.
    pub notes: Vec<String>,
}

impl TrainPlan<'_> {
    fn config(&self) -> &TrainConfig {
        &self.settings.config
    }

    /// What previews are drawn from.
    pub fn preview_prompts(&self) -> Vec<String> {
        self.config().previewed()
    }

    /// What documents say of it, for a number of pictures.
    pub fn fields(&self, pictures: usize) -> Map<String, Value> {
        let StepCount {
            pictures,
            repeats,
            epochs,
            batch_size,
        } = self.config().steps(pictures);
        let count = self.config().steps(pictures);
        let fields = json!({
            "settings": self.settings.list(),
            "trigger_word": self.trigger_word,
            "preview_prompts": self.preview_prompts(),
            "pictures": pictures,
            "arithmetic": {
                "pictures": pictures,
                "repeats": repeats,
                "epochs": epochs,
                "batch_size": batch_size,
                "steps_per_epoch": count.steps_per_epoch(),
                "steps": count.total(),
            },
        });
        match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }

    /// Says it all, in place of training; of a run that goes on after so many steps as are `made`, what is left of it.
    ///
    /// # Errors
    /// Those of [`Expected::of`].
    pub fn tell(
        &self,
        app: &App,
        base: &Base,
        (found, made): (FoundPictures, Option<u64>),
        device: (&Chosen, Room),
    ) -> Result<()> {
        let FoundPictures {
            pictures,
            skipped,
            notes,
        } = found;
        let count = pictures.count;
        let steps = self.config().steps(count);
        for skipped in &skipped {
            app.output.note(format_args!("note: left out {skipped}"));
        }
        let notes = [notes, plan_notes(base, self.config(), count)].concat();
        app.output.notes(&notes);
        let expected = Expected::of(app, base, (self.config(), pictures, made), device)?;
        for line in self.settings.lines() {
            app.output.line(line);
        }
        app.output.line(steps);
        for line in expected.lines() {
            app.output.line(line);
        }
        let Expected {
            memory,
            previews,
            duration,
            left: _,
            room,
        } = expected;
        for request in &previews.requests {
            app.output.line(format_args!("preview: {}", request.prompt));
        }
        let mut document = self.fields(count);
        document.insert("skipped".to_owned(), json!(skipped));
        document.insert("notes".to_owned(), json!(notes));
        document.insert("outcome".to_owned(), "planned".into());
        document.insert("steps".to_owned(), steps.total().into());
        document.insert("recompute".to_owned(), json!(memory.recompute));
        let peak = memory.peak_bytes();
        document.insert("planned_peak_bytes".to_owned(), peak.into());
        document.insert("free_bytes".to_owned(), json!(room.bytes));
        document.insert("duration".to_owned(), json!(duration));
        document.insert("preview_epochs".to_owned(), json!(previews.epochs));
        document.insert("preview_problem".to_owned(), json!(previews.problem));
        app.output.document(&document)
    }
}

/// What a training will take.
pub struct Expected {
    memory: MemoryPlan,
    previews: PreviewPlan,
    duration: Option<PlannedDuration>,
    /// Steps that are left of a run that goes on.
    left: Option<u64>,
    room: Room,
}

impl Expected {
    /// That of a training on such pictures; of one that goes on after so many steps as are `made`, what is left of it.
    ///
    /// # Errors
    /// When it does not fit into the memory, or its previews cannot be drawn.
    pub fn of(
        app: &App,
        base: &Base,
        (config, pictures, made): (&TrainConfig, TrainingPictures, Option<u64>),
        (device, room): (&Chosen, Room),
    ) -> Result<Self> {
        let memory = MemoryPlan::new(base, config, pictures, room).coded()?;
        let previews = PreviewPlan::new(base, config, pictures.count).coded()?;
        let mut previews = previews.fitting(&memory);
        let steps = config.steps(pictures.count);
        let left = made.map(|made| steps.total().saturating_sub(made));
        if let Some(made) = made {
            let is_to_come = |epoch: &usize| *epoch as u64 * steps.steps_per_epoch() > made;
            previews.epochs.retain(is_to_come);
        }
        if previews.epochs.is_empty() {
            previews.requests.clear();
        }
        let thought = Thought {
            config,
            steps: left.unwrap_or_else(|| steps.total()),
            fill: steps.fill(),
            memory: &memory,
            previews: &previews,
            device,
        };
        let duration = estimate(app, base, thought)?;
        Ok(Self {
            memory,
            previews,
            duration,
            left,
            room,
        })
    }

    /// In words: memory, time where something is known about it, previews unless they were declined.
    pub fn lines(&self) -> Vec<String> {
        let lines = [
            Some(memory_text(&self.memory, self.room)),
            (self.duration.as_ref()).map(|duration| duration_text(duration, self.left)),
            previews_text(&self.previews),
        ];
        lines.into_iter().flatten().collect()
    }
}

/// When previews are drawn, in a line; nothing where they were declined.
fn previews_text(plan: &PreviewPlan) -> Option<String> {
    let Some(last) = plan.epochs.last() else {
        return plan.problem.clone();
    };
    let count = plan.requests.len();
    let pictures = if count == 1 {
        "a picture".to_owned()
    } else {
        format!("{count} pictures")
    };
    Some(match plan.epochs.len() {
        1 => format!("previews: {pictures} after epoch {last}"),
        _ => format!(
            "previews: {pictures} after every {}, the last after epoch {last}",
            epochs_text(plan.every)
        ),
    })
}

fn epochs_text(every: usize) -> String {
    match every {
        1 => "epoch".to_owned(),
        every => format!("{every} epochs"),
    }
}

/// What a plan takes of the memory, in a line.
fn memory_text(plan: &MemoryPlan, room: Room) -> String {
    let again = match plan.recompute {
        Recompute::None | Recompute::Auto => String::new(),
        parts => format!(", computing every {parts} twice to save memory"),
    };
    let gigabytes = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
    let needed = gigabytes(plan.peak_bytes());
    let (of, are, may) = if room.is_composed {
        (" of the device", "can be taken", "fail")
    } else {
        ("", "are free", "fail or be very slow")
    };
    match room.bytes {
        Some(free) if plan.peak_bytes() > free => format!(
            "memory{of}: about {needed}{again}; only {} {are}, so this may {may}",
            gigabytes(free)
        ),
        Some(free) => {
            let free = gigabytes(free);
            format!("memory{of}: about {needed} of {free} that {are}{again}")
        }
        None => format!("memory{of}: about {needed}{again}"),
    }
}
