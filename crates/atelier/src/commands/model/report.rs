//! What a command says of an adapter file that it looked at or wrote.

use std::path::Path;

use anyhow::Result;
use atelier_adapters::readers::ReaderVerdict;
use atelier_app::context::App;
use serde_json::{Value, json};

/// What each program makes of a file, in one line each.
pub(super) fn print_readers(app: &App, verdicts: &[ReaderVerdict]) {
    for verdict in verdicts {
        let reader = verdict.reader;
        let total = verdict.accepted + verdict.refused.len();
        if verdict.passes() {
            app.output
                .line(format_args!("{reader:<20} reads all {total} tensors"));
            continue;
        }
        let (tensor, reason) = verdict.first_refusal();
        let said = match (&verdict.whole, verdict.accepted) {
            (Some(_), _) => format!("does not read it: {reason}"),
            (None, 0) => format!("reads no tensor: {reason}"),
            (None, used) => format!("reads {used} of {total} tensors; `{tensor}`: {reason}"),
        };
        app.output.line(format_args!("{reader:<20} {said}"));
    }
}

/// The same for programs.
pub(super) fn readers(verdicts: &[ReaderVerdict]) -> Value {
    let rows = verdicts.iter().map(|verdict| {
        json!({
            "reader": verdict.reader,
            "passes": verdict.passes(),
            "accepted": verdict.accepted,
            "refused": verdict.refused,
            "whole": verdict.whole,
        })
    });
    rows.collect()
}

/// What was written, in lines and as a document with `more` in it.
pub(super) fn wrote(
    app: &App,
    path: &Path,
    notes: &[String],
    verdicts: &[ReaderVerdict],
    more: Value,
) -> Result<()> {
    app.output.notes(notes);
    let path = path.display().to_string();
    app.output.line(format_args!("wrote `{path}`"));
    print_readers(app, verdicts);
    let mut document = json!({"path": path, "notes": notes, "readers": readers(verdicts)});
    if let (Value::Object(fields), Value::Object(more)) = (&mut document, more) {
        fields.extend(more);
    }
    app.output.document(&document)
}
