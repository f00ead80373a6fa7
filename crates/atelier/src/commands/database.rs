//! `atelier db`: whether the library is sound, a copy of it, and its trash.

use std::path::PathBuf;

use anyhow::Result;
use atelier_app::context::{App, ExitKind, finished};
use atelier_core::ErrorCode;
use atelier_failure::CodedResult as _;
use atelier_store::{Emptied, TRASH_DAYS};
use clap::Subcommand;
use serde_json::json;

/// What can be done with the library as a whole.
#[derive(Debug, Subcommand)]
pub(crate) enum DatabaseCommand {
    /// Read the catalogue and every file, and name what is damaged.
    Check,
    /// Copy the library to a folder, or bring an earlier copy up to date.
    Backup {
        /// The folder, on another disk if possible. With `ATELIER_HOME` set to it, it is the library.
        folder: PathBuf,
    },
    /// Remove for good what has been in the trash for 30 days.
    EmptyTrash {
        /// Also what was put there since.
        #[arg(long)]
        all: bool,
    },
}

/// Does it.
pub(super) fn run(command: &DatabaseCommand, app: &App) -> Result<ExitKind> {
    match command {
        DatabaseCommand::Check => check(app),
        DatabaseCommand::Backup { folder } => {
            let library = app.existing_library_to_look()?;
            let done = finished(library.back_up(folder, &app.cancel))?;
            let there = done.folder.display();
            app.output.line(format_args!(
                "backed up to {there}: {} files copied, {} were there, {:.1} MB in all",
                done.copied,
                done.kept,
                megabytes(done.size_bytes)
            ));
            for problem in &done.left_out {
                app.output
                    .note(format_args!("note: {problem}, and is not in the backup"));
            }
            app.output.document(&done)?;
            Ok(ExitKind::Completed)
        }
        DatabaseCommand::EmptyTrash { all } => {
            let days = if *all { 0 } else { TRASH_DAYS };
            let emptied = app.existing_library()?.empty_trash(days).coded()?;
            let Emptied {
                datasets,
                runs,
                models,
                pictures,
                start_pictures,
                files,
                size_bytes,
            } = emptied;
            let removed = format!(
                "removed {datasets} datasets, {runs} runs, {models} models, {pictures} drawn pictures and {start_pictures} start pictures"
            );
            app.output.line(match files {
                Some(files) => format!(
                    "{removed}, and {files} files with {:.1} MB",
                    megabytes(size_bytes)
                ),
                None => format!(
                    "{removed}; their files stay until nobody adds any: call this again then"
                ),
            });
            app.output.document(&emptied)?;
            Ok(ExitKind::Completed)
        }
    }
}

fn check(app: &App) -> Result<ExitKind> {
    let home = app.settings.library_home()?;
    let checked = finished(atelier_store::check(home, &app.cancel))?;
    if let Some(obstacle) = &checked.obstacle {
        let said = format_args!("note: {obstacle}; the library is only read");
        app.output.note(said);
    }
    app.output.line(format_args!(
        "{}: {} datasets in {} versions, {} files with {:.1} MB; {} runs, {} models",
        checked.catalogue.display(),
        checked.datasets,
        checked.versions,
        checked.files,
        megabytes(checked.size_bytes),
        checked.runs,
        checked.models
    ));
    for path in &checked.unnamed {
        app.output
            .note(format_args!("note: nothing names `{}`", path.display()));
    }
    for problem in &checked.problems {
        app.output.line(problem);
    }
    let is_sound = checked.problems.is_empty();
    app.output.line(if is_sound {
        "all is well"
    } else {
        ErrorCode::DamagedLibrary.hint()
    });
    app.output
        .document(&json!({"sound": is_sound, "found": checked}))?;
    Ok(if is_sound {
        ExitKind::Completed
    } else {
        ExitKind::Failed(ErrorCode::DamagedLibrary)
    })
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
