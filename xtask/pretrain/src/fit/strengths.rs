//! What the training strengths do to the base: one training of each, with the numbers of their table, measured at its end.

use std::fmt::Write as _;

use anyhow::Context as _;
use atelier_core::{Precision, Seed, TrainConfig, TrainReport, TrainingStrength};
use atelier_diffusion::stable_diffusion::Base;
use atelier_eval::Embedder;

use super::gauge::Scores;
use super::{Sample, drawn, folder, gauge_of, prompts, train};
use crate::log::log;

/// What is trained with every strength.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Subject {
    #[command(flatten)]
    sample: Sample,
}

/// What was found with one strength.
struct Row {
    name: &'static str,
    scores: Scores,
    /// Mean loss of the last half of the steps.
    loss: Option<f32>,
}

/// Trains, draws and measures with every strength, and writes `table.md`.
pub(crate) fn show(Subject { sample }: &Subject) -> anyhow::Result<()> {
    let unseen = folder(&sample.dataset.join("held-out"))?;
    let trained = folder(&sample.dataset.join("train"))?;
    let called = (sample.category, sample.trigger.as_str());
    let prompts = prompts(called, &trained, &unseen)?;
    let embedder = Embedder::new();
    let base = Base::open(&sample.base)?;
    let kind = base.kind();
    let gauge = gauge_of(&base, &embedder, &trained, &unseen)?;
    let measured = |name, report: Option<&TrainReport>| -> anyhow::Result<Row> {
        let adapter = report.map(|report| report.adapter.as_path());
        let row = Row {
            name,
            scores: gauge.scores(&prompts, &drawn(&sample.base, &prompts, adapter)?),
            loss: report.map(|report| late_loss(&report.losses)),
        };
        log(&format!("{name}: {}, loss {:?}", row.scores, row.loss));
        Ok(row)
    };
    let mut rows = vec![measured("none, the base alone", None)?];
    for &strength in TrainingStrength::ALL {
        let mut config = TrainConfig {
            trigger: sample.trigger.clone(),
            category: sample.category,
            strength: Some(strength),
            checkpoint_every: usize::MAX,
            precision: Precision::Bf16,
            seed: Seed(1),
            ..TrainConfig::default()
        };
        let settings = strength.settings(sample.category, kind);
        settings.fill(&mut config, |_| false);
        let out = sample.out.join(strength.name());
        let report = train((&sample.base, &sample.dataset), &out, config)
            .with_context(|| format!("training strength `{strength}`"))?;
        rows.push(measured(strength.name(), Some(&report))?);
    }
    Ok(fs_err::write(sample.out.join("table.md"), table(&rows))?)
}

fn late_loss(losses: &[f32]) -> f32 {
    let late = &losses[losses.len() / 2..];
    late.iter().sum::<f32>() / late.len().max(1) as f32
}

fn table(rows: &[Row]) -> String {
    let mut text = "| training strength | likeness to unseen pictures | own picture met, unseen captions | own picture met, trained captions | \
                    prompt followed | new background followed | copies, unseen captions | copies, trained captions | loss |\n\
         |---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    let percent = |share: f32| format!("{:.0} %", 100.0 * share);
    for row in rows {
        let Scores {
            likeness,
            prompt,
            background,
            copies,
            trained_copies,
            unseen_met,
            trained_met,
        } = row.scores;
        let loss = row
            .loss
            .map_or_else(|| "–".to_owned(), |loss| format!("{loss:.4}"));
        let _ = writeln!(
            text,
            "| {} | {likeness:.3} | {unseen_met} | {trained_met} | {} | {} | {} | {} | {loss} |",
            row.name,
            percent(prompt),
            percent(background),
            percent(copies),
            percent(trained_copies),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::gauge::Met;
    use super::*;

    #[test]
    fn the_late_loss_is_that_of_the_second_half() {
        assert!((late_loss(&[9.0, 9.0, 1.0, 2.0]) - 1.5).abs() < 1e-6);
        assert!(late_loss(&[]).abs() < 1e-6);
    }

    #[test]
    fn a_row_without_a_training_has_no_loss() {
        let scores = Scores {
            likeness: 0.5,
            prompt: 0.25,
            background: 1.0,
            copies: 0.0,
            trained_copies: 0.5,
            unseen_met: Met {
                mean: 0.6,
                error: 0.01,
            },
            trained_met: Met {
                mean: 0.75,
                error: 0.02,
            },
        };
        let row = Row {
            name: "low",
            scores,
            loss: None,
        };
        let table = table(&[row]);
        assert!(
            table.ends_with(
                "| low | 0.500 | 0.600 ± 0.010 | 0.750 ± 0.020 | 25 % | 100 % | 0 % | 50 % | – |\n"
            ),
            "{table}"
        );
    }
}
