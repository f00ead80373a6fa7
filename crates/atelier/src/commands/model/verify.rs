//! `atelier model verify`: a model followed back to its pictures and its base.

use anyhow::Result;
use atelier_app::bases;
use atelier_app::context::{App, ExitKind};
use atelier_core::ErrorCode;
use atelier_failure::CodedResult as _;
use atelier_store::{Library, Proof, Verdict};
use serde_json::json;

pub(super) fn run(name: &str, app: &App, library: &Library) -> Result<ExitKind> {
    let model = library.find_model(name).coded()?;
    let base_hash = |base: &str| bases::hash_of(app, base).ok();
    let lineage = library.verify_model(model.id, Some(&base_hash)).coded()?;
    for proof in &lineage.proofs {
        let Proof { what, problem, .. } = proof;
        let word = match proof.verdict {
            Verdict::Proved => "ok      ",
            Verdict::Refuted => "PROBLEM ",
            Verdict::NotProvable => "unproved",
        };
        match problem {
            None => app.output.line(format_args!("{word} {what}")),
            Some(problem) => app.output.line(format_args!("{word} {what}: {problem}")),
        }
    }
    let (verdict, is_proved) = (lineage.verdict(), lineage.is_proved());
    if verdict == Verdict::NotProvable {
        app.output.note(
            "nothing speaks against it, but what is marked as unproved cannot be proved any more",
        );
    }
    app.output
        .document(&json!({"lineage": lineage, "verdict": verdict, "is_proved": is_proved}))?;
    Ok(if verdict == Verdict::Refuted {
        ExitKind::Failed(ErrorCode::DamagedLibrary)
    } else {
        ExitKind::Completed
    })
}
