//! Draws the cells of a sheet, after one another.

use anyhow::Result;
use atelier_app::context::App;
use atelier_app::device::{Chosen, watch};
use atelier_core::{ErrorCode, Generator as _, Outcome, Picture};
use atelier_data::RgbPicture;
use atelier_diffusion::stable_diffusion::Pipeline;
use atelier_failure::{CodedResult as _, code_of, messages};
use serde_json::Value;

use super::super::batch::Batch;
use super::super::draw::PartOfMany;

/// What came of a cell.
#[derive(Debug, Default)]
pub(super) struct Drawn {
    /// Its pixels; none where it could not be drawn.
    pub(super) picture: Option<RgbPicture>,
    /// What it was drawn from, as the file of a picture says it.
    pub(super) recipe: Value,
    /// Why it could not be drawn.
    pub(super) problem: Option<String>,
}

/// The cells in their order; nothing where it was asked to stop.
pub(super) fn draw(batch: Batch, (app, chosen): (&App, &Chosen)) -> Result<Option<Vec<Drawn>>> {
    let engine = batch.precision().into();
    app.output.notes(&batch.notes);
    let (shots, ingredients) = (batch.shots, batch.ingredients);
    let mut pipeline = Pipeline::in_turn(batch.base, &chosen.device, engine);
    let progress = app.output.progress();
    let (mut waiting, mut drawn) = (shots.as_slice(), Vec::new());
    while !waiting.is_empty() {
        let requests = waiting.iter().map(|shot| &shot.request);
        let prepared = watch(chosen, "encoding prompts", || {
            pipeline.prepare(requests, &app.cancel).coded()
        });
        app.output.notes(&pipeline.take_notes());
        for shot in waiting.split_off(..prepared?).unwrap_or_default() {
            let part = PartOfMany {
                whole: &progress,
                index: drawn.len() as u64,
                count: shots.len() as u64,
            };
            let tiled = pipeline.base().is_tiled(&shot.request).coded()?;
            let recipe = ingredients.recipe(&shot.request, tiled);
            let outcome = watch(chosen, "drawing", || {
                let context = app.run_context(&part);
                pipeline.generate(&shot.request, None, context).coded()
            });
            drawn.push(match outcome {
                Ok(Outcome::Cancelled { .. }) => return Ok(None),
                Ok(Outcome::Completed(pictures)) => {
                    let picture = pictures.into_iter().next();
                    let recipe = picture.as_ref().map(|picture| recipe.document(picture));
                    Drawn {
                        recipe: recipe.transpose()?.unwrap_or_default(),
                        picture: picture.map(pixels),
                        problem: None,
                    }
                }
                // Of this cell alone: others may do.
                Err(error) if code_of(&error) == ErrorCode::PictureNotFinite => Drawn {
                    problem: Some(messages(&error).join(": ")),
                    ..Drawn::default()
                },
                Err(error) => return Err(error),
            });
        }
    }
    Ok(Some(drawn))
}

fn pixels(picture: Picture) -> RgbPicture {
    RgbPicture {
        width: picture.width,
        height: picture.height,
        rgb: picture.rgb,
    }
}
