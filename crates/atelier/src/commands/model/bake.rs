//! `atelier model bake`: a base with adapters in its weights, in the form that the base has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use atelier_app::bases::{self, copy_while};
use atelier_app::context::{App, ExitKind};
use atelier_app::target::{self, prepare_file, prepare_folder, refuse_companions};
use atelier_core::{ErrorCode, Phase, Progress, ProgressSink as _};
use atelier_diffusion::stable_diffusion::Base;
use atelier_failure::{CodedResult as _, failed};
use atelier_weights::atomic::{self, PartialFolder};
use atelier_weights::bake::Baking;
use atelier_weights::{Checkpoint, Layout};
use clap::Args;
use serde_json::json;

use super::merge::lineage;
use crate::commands::library_models::{AdapterWord, LibraryModels};

/// What `bake` can be told.
#[derive(Debug, Args)]
pub(crate) struct BakeArgs {
    /// Names from `model list` or adapter files, with strengths, 0 to 1.5: one, or one for the denoiser and one for the text
    /// encoders. Without one, a model has its own and a file 1.
    #[arg(required = true, value_name = "NAME|FILE[:STRENGTH[:TEXT]]")]
    adapters: Vec<AdapterWord>,
    /// The base; its files stay as they are.
    #[arg(long, value_name = "NAME|FOLDER|FILE|hf:REPO")]
    base: String,
    /// The new base: a folder, or a `.safetensors` file where the base is one; nothing is overwritten.
    #[arg(long, value_name = "FOLDER|FILE")]
    out: PathBuf,
}

pub(super) fn run(args: &BakeArgs, app: &App) -> Result<ExitKind> {
    let adapters = LibraryModels::find_all(app, &args.adapters)?;
    let found = bases::find(app, &args.base)?;
    let base = Base::open(&found.path).coded()?;
    bases::check_complete(&base, &found.path)?;
    let layout = base.files().layout();
    match layout {
        Layout::Folder => {
            refuse_ending(&args.out)?;
            prepare_folder(&args.out)?;
        }
        Layout::SingleFile => {
            prepare_file(&args.out)?;
            refuse_companions(&args.out)?;
        }
    }
    let (mut changes, mut notes) = (Vec::new(), bases::notes(&found.path));
    for adapter in &adapters {
        let fitted = base.fit_adapter(&adapter.used).coded()?;
        let name = adapter.name();
        notes.extend(fitted.notes.iter().map(|note| format!("`{name}`: {note}")));
        changes.extend(fitted.into_changes());
    }
    let baking = atelier_adapters::bake::plan(base.files(), changes).coded()?;
    if baking.tensors() == 0 {
        let message = "there is nothing to bake: every adapter is at strength 0";
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    if baking.drops_ema() {
        let count = base.files().checkpoint().map_or(0, Checkpoint::ema_count);
        notes.push(format!(
            "{count} tensors of moving averages are left out, since the adapters are not in them"
        ));
    }
    let mut metadata = lineage(&adapters, &args.out)?;
    metadata.insert("atelier.base".to_owned(), found.name.clone());
    let oven = Oven {
        app,
        base: &base,
        baking: &baking,
        metadata,
    };
    let finished = oven.bake(&found.path, &args.out);
    let out = args.out.display().to_string();
    if !finished.with_context(|| format!("cannot bake `{out}`"))? {
        app.output.cancelled("stopped; nothing was kept");
        return Ok(ExitKind::Cancelled);
    }
    app.output.notes(&notes);
    let count = baking.tensors();
    app.output.line(format_args!(
        "wrote `{out}`, {count} of its tensors changed"
    ));
    app.output.document(&json!({
        "path": out,
        "layout": layout.name(),
        "changed_tensors": count,
        "notes": notes,
    }))?;
    Ok(ExitKind::Completed)
}

/// A base that is a folder makes a folder, which nobody expects under the name of a file.
fn refuse_ending(out: &Path) -> Result<()> {
    if out.extension().is_none_or(|ending| ending != "safetensors") {
        return Ok(());
    }
    let message = format!(
        "the base is a folder, so that `{}` would be one too; name it without `.safetensors`",
        out.display()
    );
    Err(failed(ErrorCode::InvalidInput, message))
}

/// Writes the files of the new base.
struct Oven<'a> {
    app: &'a App,
    base: &'a Base,
    baking: &'a Baking,
    metadata: BTreeMap<String, String>,
}

impl Oven<'_> {
    /// Makes the new base in a folder of its own; it gets its name when all its files are there and it can be opened.
    /// Whether it came to its end, or was asked to stop before.
    fn bake(&self, source: &Path, out: &Path) -> Result<bool> {
        let partial = PartialFolder::beside(out).coded()?;
        let Some(checkpoint) = self.base.files().checkpoint() else {
            let files = bases::files_of(self.base, source)?.into_iter();
            let files = files.map(|(source, name)| (source, partial.path().join(name)));
            if !self.write_all(&files.collect::<Vec<_>>())? {
                return Ok(false);
            }
            bases::finish(self.base, partial.path())?;
            target::written(partial.publish(out))?;
            return Ok(true);
        };
        let baked = partial.path().join(out.file_name().unwrap_or_default());
        let files = checkpoint.files_as(&baked);
        if !self.write_all(&files)? {
            return Ok(false);
        }
        bases::finish(self.base, &baked)?;
        let baked = files.into_iter().map(|(_, baked)| baked);
        let targets = checkpoint.files_as(out).into_iter();
        let targets = targets.map(|(_, target)| target);
        publish_files(&baked.zip(targets).collect::<Vec<_>>())?;
        Ok(true)
    }

    fn write_all(&self, files: &[(PathBuf, PathBuf)]) -> Result<bool> {
        let (progress, mut done) = (self.app.output.progress(), 0);
        let mut proceed = || {
            done += 1;
            progress.report(Progress {
                phase: Phase::Saving,
                done,
                total: self.baking.tensors() as u64,
                loss: None,
            });
            !self.app.cancel.is_cancelled()
        };
        for (source, target) in files {
            fs_err::create_dir_all(target::parent_of(target))?;
            if !self.baking.changes(source) {
                let cancel = &self.app.cancel;
                if !copy_while(source, target, || !cancel.is_cancelled())? {
                    return Ok(false);
                }
            } else if !self
                .baking
                .write(source, target, &self.metadata, &mut proceed)
                .coded()?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Gives finished files their names, the first one last, so that it is not there before what belongs to it: all of them, or
/// none where one of the names is taken.
fn publish_files(files: &[(PathBuf, PathBuf)]) -> Result<()> {
    let mut published = Vec::new();
    for (baked, target) in files.iter().rev() {
        let named = target::written(atomic::publish_file(baked, target));
        if named.is_err() {
            for target in published {
                let _ = fs_err::remove_file(target);
            }
            return named;
        }
        published.push(target);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use atelier_failure::code_of;

    use super::*;

    #[test]
    fn files_get_all_of_their_names_or_none_and_what_came_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let files = ["safetensors", "yaml"].map(|ending| {
            let [baked, target] = ["baked", "out"].map(|name| path(&format!("{name}.{ending}")));
            fs_err::write(&baked, "ours").unwrap();
            (baked, target)
        });
        fs_err::write(&files[0].1, "mine").unwrap();
        let refused = publish_files(&files).unwrap_err();
        assert_eq!(code_of(&refused), ErrorCode::Conflict);
        assert!(refused.to_string().contains("nothing was overwritten"));
        assert_eq!(fs_err::read(&files[0].1).unwrap(), b"mine");
        assert!(!files[1].1.exists());
        fs_err::remove_file(&files[0].1).unwrap();
        fs_err::write(&files[1].0, "ours").unwrap();
        publish_files(&files).unwrap();
        for (baked, target) in &files {
            assert!(!baked.exists());
            assert_eq!(fs_err::read(target).unwrap(), b"ours");
        }
    }
}
