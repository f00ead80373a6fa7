//! `atelier model bake`: a base with adapters in its weights, in the form that the base has.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use atelier_app::bases::{self, FoundBase};
use atelier_app::context::{App, ExitKind};
use atelier_core::{AdapterUse, ErrorCode, Phase, Progress, ProgressSink as _};
use atelier_diffusion::stable_diffusion::Base;
use atelier_failure::{CodedResult as _, failed};
use atelier_weights::bake::Baking;
use atelier_weights::{Checkpoint, Layout, atomic};
use clap::Args;
use serde_json::json;

use super::merge::lineage;
use super::target::{self, prepare_file, prepare_folder};

/// What `bake` can be told.
#[derive(Debug, Args)]
pub(crate) struct BakeArgs {
    /// Adapter files with strengths, 0 to 1.5: one, or one for the denoiser and one for the text encoders.
    #[arg(required = true, value_name = "FILE:STRENGTH[:TEXT]")]
    adapters: Vec<AdapterUse>,
    /// The base; its files stay as they are.
    #[arg(long, value_name = "NAME|FOLDER|FILE|hf:REPO")]
    base: String,
    /// The new base: a folder, or a `.safetensors` file where the base is one; nothing is overwritten.
    #[arg(long, value_name = "FOLDER|FILE")]
    out: PathBuf,
}

pub(super) fn run(args: &BakeArgs, app: &App) -> Result<ExitKind> {
    let found = bases::find(app, &args.base)?;
    let base = Base::open(&found.path).coded()?;
    bases::check_complete(&base, &found.path)?;
    let layout = base.files().layout();
    match layout {
        Layout::Folder => prepare_folder(&args.out)?,
        Layout::SingleFile => prepare_file(&args.out)?,
    }
    let (mut changes, mut notes) = (Vec::new(), bases::notes(&found.path));
    for adapter in &args.adapters {
        let fitted = base.fit_adapter(adapter).coded()?;
        let path = adapter.path.display();
        notes.extend(fitted.notes.iter().map(|note| format!("`{path}`: {note}")));
        changes.extend(fitted.into_changes());
    }
    let baking = Baking::plan(base.files(), changes).coded()?;
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
    let mut metadata = lineage(&args.adapters, &args.out)?;
    metadata.insert("atelier.base".to_owned(), found.name.clone());
    let oven = Oven {
        app,
        baking: &baking,
        metadata,
    };
    let finished = match layout {
        Layout::Folder => oven.bake_folder(&base, &found, &args.out),
        Layout::SingleFile => oven.bake_file(&base, &args.out),
    };
    if !finished.with_context(|| format!("cannot bake `{}`", args.out.display()))? {
        return Ok(ExitKind::Cancelled);
    }
    app.output.notes(&notes);
    let (path, count) = (args.out.display(), baking.tensors());
    app.output.line(format_args!(
        "wrote `{path}`, {count} of its tensors changed"
    ));
    app.output.document(&json!({
        "path": args.out,
        "layout": layout.name(),
        "changed_tensors": count,
        "notes": notes,
    }))?;
    Ok(ExitKind::Completed)
}

/// Writes the files of the new base. Each method says whether it came to its end, or was asked to stop before.
struct Oven<'a> {
    app: &'a App,
    baking: &'a Baking,
    metadata: BTreeMap<String, String>,
}

impl Oven<'_> {
    /// The folder gets its name when all its files are there.
    fn bake_folder(&self, base: &Base, found: &FoundBase, out: &Path) -> Result<bool> {
        let name = out.file_name().unwrap_or_default().to_string_lossy();
        let partial = format!(".{name}-{}.partial", std::process::id());
        let partial = target::parent_of(out).join(partial);
        let files = bases::files_of(base, &found.path, &found.path)?;
        let files = files
            .into_iter()
            .map(|(source, name)| (source, partial.join(name)))
            .collect::<Vec<_>>();
        let written = self.write_all(&files);
        if matches!(written, Ok(true)) {
            atomic::publish_folder(&partial, out).coded()?;
        } else {
            let _ = fs_err::remove_dir_all(&partial);
        }
        written
    }

    /// The file, and what lies beside that of the base under the new name. The file itself comes last.
    fn bake_file(&self, base: &Base, out: &Path) -> Result<bool> {
        let mut files = Vec::new();
        for source in base.files().files().coded()? {
            let target = beside(base.files().root(), &source, out);
            if target != out {
                target::refuse_taken(&target)?;
            }
            files.push((source, target));
        }
        files.reverse();
        let written = self.write_all(&files);
        if !matches!(written, Ok(true)) {
            for (_, target) in &files {
                let _ = fs_err::remove_file(target);
            }
        }
        written
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
                let mut source = fs_err::File::open(source)?;
                let copied = atomic::write_file(target, |out| io::copy(&mut source, out).map(drop));
                copied.coded()?;
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

/// Where a file goes that lies beside the checkpoint `root` and is named after it: beside `out`, named after that.
fn beside(root: &Path, source: &Path, out: &Path) -> PathBuf {
    let text = |path: &Path| path.file_name().unwrap_or_default().to_os_string();
    let [stem, source, mut target] = [
        root.with_extension(""),
        source.to_owned(),
        out.with_extension(""),
    ]
    .map(|path| text(&path));
    let source = source.to_string_lossy().into_owned();
    let ending = source.strip_prefix(&*stem.to_string_lossy());
    target.push(ending.unwrap_or(&source));
    out.with_file_name(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beside_a_checkpoint_takes_its_new_name() {
        let root = Path::new("a/v1.5.safetensors");
        for (source, target) in [
            ("a/v1.5.safetensors", "b/new.one.safetensors"),
            ("a/v1.5.vae.safetensors", "b/new.one.vae.safetensors"),
            ("a/v1.5.yaml", "b/new.one.yaml"),
        ] {
            let out = Path::new("b/new.one.safetensors");
            assert_eq!(beside(root, Path::new(source), out), Path::new(target));
        }
    }
}
