//! Draws every picture of the plan.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use atelier_core::{
    AdapterUse, GenerateRequest, Generator, Outcome, Picture, Progress, ProgressSink, RunContext,
};
use atelier_data::{RgbPicture, png};
use atelier_failure::CodedResult as _;
use serde_json::Value;

use crate::UsedBase;
use crate::plan::{EXPRESSIONS, Look, Plan, Shot};
use atelier_recipe::Recipe;

/// Where pictures lie, below the folder of the quickstart.
pub(crate) const FOLDER: &str = "pictures";

/// One drawn picture.
#[derive(Debug, Clone)]
pub(crate) struct Drawing {
    /// Its file, below the folder of the quickstart.
    pub(crate) file: String,
    /// Its pixels.
    pub(crate) picture: RgbPicture,
}

/// Every drawn picture.
pub(crate) type Drawings = BTreeMap<Shot, Drawing>;

/// What drawing needs to know.
pub(crate) struct Studio<'a> {
    /// What to draw.
    pub(crate) plan: &'a Plan,
    /// The base.
    pub(crate) base: &'a UsedBase,
    /// Where files go now.
    pub(crate) partial: &'a Path,
    /// Where they will lie in the end.
    pub(crate) out: &'a Path,
    /// The adapter of each epoch that is drawn with, below the folder of the quickstart.
    pub(crate) adapters: BTreeMap<usize, PathBuf>,
}

impl Studio<'_> {
    /// Draws and saves everything; `None` when cancelled.
    pub(crate) fn draw_all(
        &self,
        generator: &mut dyn Generator,
        context: RunContext<'_>,
    ) -> Result<Option<Drawings>> {
        let shots = self.plan.shots();
        let folder = self.partial.join(FOLDER);
        if folder.exists() {
            fs_err::remove_dir_all(&folder)?;
        }
        fs_err::create_dir_all(&folder)?;
        let mut drawings = Drawings::new();
        for (index, &shot) in shots.iter().enumerate() {
            let request = self
                .plan
                .request(shot, self.adapter(shot.look, self.partial)?);
            let share = Share {
                whole: context.progress,
                index: index as u64,
                count: shots.len() as u64,
            };
            let context = RunContext {
                progress: &share,
                ..context
            };
            let Outcome::Completed(pictures) =
                generator.generate(&request, None, context).coded()?
            else {
                return Ok(None);
            };
            for picture in pictures {
                drawings.insert(shot, self.save(shot, &request, picture)?);
            }
        }
        Ok(Some(drawings))
    }

    fn adapter(&self, look: Look, root: &Path) -> Result<Option<AdapterUse>> {
        let Look::Adapter { epoch, .. } = look else {
            return Ok(None);
        };
        let path = self.adapters.get(&epoch);
        let path =
            path.with_context(|| format!("the training kept no adapter of epoch {epoch}"))?;
        Ok(Some(AdapterUse::new(root.join(path), look.strength())))
    }

    fn save(&self, shot: Shot, request: &GenerateRequest, picture: Picture) -> Result<Drawing> {
        let recipe = Recipe::new(request, &self.base.name, self.base.hash.clone())?;
        let [parameters, (keyword, own)] = recipe.texts(&picture)?;
        let texts = [parameters, (keyword, self.with_final_paths(&own, shot)?)];
        let file = format!("{FOLDER}/{}", self.file_name(shot));
        let picture = RgbPicture {
            width: picture.width,
            height: picture.height,
            rgb: picture.rgb,
        };
        png::write(self.partial.join(&file), &picture, &texts).coded()?;
        Ok(Drawing { file, picture })
    }

    /// The recipe with the adapter where it will lie.
    fn with_final_paths(&self, recipe: &str, shot: Shot) -> Result<String> {
        let mut recipe: Value = serde_json::from_str(recipe)?;
        if let Some(adapter) = self.adapter(shot.look, self.out)? {
            recipe["request"]["adapters"] = serde_json::to_value([adapter])?;
        }
        Ok(recipe.to_string())
    }

    fn file_name(&self, shot: Shot) -> String {
        let expression = EXPRESSIONS[shot.expression].replace(' ', "-");
        let look = match shot.look {
            Look::Base => "base".to_owned(),
            Look::Adapter { epoch, .. } if epoch == self.plan.config.epochs => {
                format!("strength-{:.1}", shot.look.strength())
            }
            Look::Adapter { epoch, .. } => format!("epoch-{epoch:03}"),
        };
        let seed = self.plan.config.seed.nth(shot.seed);
        format!("{expression}-{look}-seed-{seed}.png")
    }
}

/// Progress of one picture as a part of all.
struct Share<'a> {
    whole: &'a dyn ProgressSink,
    index: u64,
    count: u64,
}

impl ProgressSink for Share<'_> {
    fn report(&self, progress: Progress) {
        self.whole.report(Progress {
            done: self.index * progress.total + progress.done,
            total: self.count * progress.total,
            ..progress
        });
    }
}
