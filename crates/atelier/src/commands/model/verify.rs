//! `atelier model verify`: a model followed back to its pictures.

use anyhow::Result;
use atelier_core::ErrorCode;
use atelier_failure::CodedResult as _;
use atelier_store::{Library, Proof};
use atelier_weights::ModelFiles;
use serde_json::json;

use crate::bases;
use crate::context::{App, ExitKind};

pub(super) fn run(name: &str, app: &App, library: &Library) -> Result<ExitKind> {
    let model = library.find_model(name).coded()?;
    let mut lineage = library.verify_model(model.id).coded()?;
    if let Some(hash) = &model.base_hash {
        let problem = base_problem(app, &model.base, hash);
        let what = format!("the base `{}` is `{hash}`", model.base);
        lineage.proofs.push(Proof { what, problem });
    }
    for Proof { what, problem } in &lineage.proofs {
        match problem {
            None => app.output.line(format_args!("ok       {what}")),
            Some(problem) => app.output.line(format_args!("PROBLEM  {what}: {problem}")),
        }
    }
    if lineage.run.is_none() {
        app.output.note(
            "it comes from a file and from no run of this library, so that there is nothing more to prove",
        );
    }
    let is_proved = lineage.is_proved();
    app.output
        .document(&json!({"lineage": lineage, "is_proved": is_proved}))?;
    Ok(if is_proved {
        ExitKind::Completed
    } else {
        ExitKind::Failed(ErrorCode::DamagedLibrary)
    })
}

/// What speaks against a base being what it was.
fn base_problem(app: &App, base: &str, was: &str) -> Option<String> {
    let is = bases::find(app, base)
        .and_then(|found| ModelFiles::open(&found.path).coded())
        .and_then(|files| files.hash_with(&app.hashes()).coded());
    match is {
        Ok(hash) if hash == was => None,
        Ok(hash) => Some(format!("its hash is `{hash}` now")),
        Err(error) => Some(format!("it is not found: {error}")),
    }
}
