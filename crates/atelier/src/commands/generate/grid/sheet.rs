//! The sheet: cells in rows and columns, with the epoch of each row and the strength of each column.

use std::path::Path;

use anyhow::Result;
use atelier_core::ErrorCode;
use atelier_data::{RgbPicture, png, sheet};
use atelier_failure::{CodedResult as _, failed};
use atelier_store::Model;
use serde_json::{Value, json};

use super::draw::Drawn;
use super::letters::{self, Align};
use super::{Cell, GridArgs};

/// Keyword of what the file says about its cells.
const KEYWORD: &str = "atelier-grid";
/// Side of a cell in pixels for each pixel of a letter.
const CELL_PER_LETTER: usize = 128;
/// Pixels of a letter's pixel, at least and at most.
const SCALES: (usize, usize) = (2, 8);
/// Pixels between cells, for each pixel of a letter's pixel.
const GAP: usize = 4;
/// What the numbers above the columns are.
const CORNER: &str = "strength";
/// The colour of a cell that could not be drawn.
const MISSING: [u8; 3] = [226; 3];

/// The sheet, and where its cells lie on it.
pub(super) struct Sheet {
    picture: RgbPicture,
    /// Left and top of each cell.
    places: Vec<[usize; 2]>,
    /// Width and height of a cell.
    size: [usize; 2],
}

impl Sheet {
    /// Puts the cells together, row by row.
    pub(super) fn of(cells: &[Cell], columns: usize, drawn: &[Drawn]) -> Self {
        let first = drawn.iter().find_map(|cell| cell.picture.as_ref());
        let size = first.map_or([64, 64], |picture| [picture.width, picture.height]);
        let [width, height] = size;
        let scale = (width.min(height) / CELL_PER_LETTER).clamp(SCALES.0, SCALES.1);
        let gap = GAP * scale;
        let names: Vec<_> = cells.chunks(columns).map(|row| row_name(row[0])).collect();
        let longest = names.iter().map(String::as_str).chain([CORNER]);
        let beside = longest.map(letters::columns).max().unwrap_or_default() * scale;
        let above = letters::ROWS * scale;
        let mut rows = vec![heading(&cells[..columns], scale, [beside, width])];
        for (name, row) in names.iter().zip(drawn.chunks(columns)) {
            let name = letters::label(name, scale, [beside, height], Align::Right);
            let pictures = row.iter().map(|cell| {
                let missing = || RgbPicture::filled(width, height, MISSING);
                cell.picture.clone().unwrap_or_else(missing)
            });
            rows.push(std::iter::once(name).chain(pictures).collect());
        }
        let place = |at: usize| {
            let (column, row) = (at % columns, at / columns);
            let left = gap + beside + gap + column * (width + gap);
            [left, gap + above + gap + row * (height + gap)]
        };
        Self {
            picture: sheet(&rows, gap),
            places: (0..cells.len()).map(place).collect(),
            size,
        }
    }

    /// Everything that is to be known about it, with the recipe of each cell.
    pub(super) fn document(
        &self,
        (args, model): (&GridArgs, &Model),
        cells: &[Cell],
        drawn: &[Drawn],
    ) -> Value {
        let request = args.request(model);
        let [width, height] = self.size;
        let cells = cells.iter().zip(drawn).zip(&self.places);
        let cells = cells.map(|((cell, drawn), [left, top])| {
            let mut told = json!({
                "epoch": cell.epoch, "strength": number(cell.strength),
                "left": left, "top": top, "width": width, "height": height,
                "recipe": drawn.recipe,
            });
            if let Some(problem) = &drawn.problem {
                told["problem"] = json!(problem);
            }
            told
        });
        json!({
            "outcome": "completed",
            "model": model.about.name,
            "prompt": request.prompt,
            "seed": request.seed,
            "steps": request.steps,
            "width": self.picture.width,
            "height": self.picture.height,
            "cells": cells.collect::<Vec<_>>(),
        })
    }

    /// Writes it with what is to be known about it. Where somebody else took the place meanwhile, the failure is a conflict.
    pub(super) fn save(&self, out: &Path, document: &Value) -> Result<()> {
        let texts = [(KEYWORD, document.to_string())];
        match png::write(out, &self.picture, &texts) {
            Err(error @ atelier_data::Error::Exists { .. }) => {
                Err(failed(ErrorCode::Conflict, error.to_string()))
            }
            written => written.coded(),
        }
    }
}

/// The labels of the columns, after one that says what they are.
fn heading(row: &[Cell], scale: usize, [beside, width]: [usize; 2]) -> Vec<RgbPicture> {
    let above = letters::ROWS * scale;
    let corner = letters::label(CORNER, scale, [beside, above], Align::Right);
    let strengths = row.iter().map(|cell| {
        let text = strength_text(cell.strength);
        letters::label(&text, scale, [width, above], Align::Middle)
    });
    std::iter::once(corner).chain(strengths).collect()
}

/// The same without the recipes, which are in the file.
pub(super) fn without_recipes(mut document: Value) -> Value {
    for cell in document["cells"].as_array_mut().into_iter().flatten() {
        if let Some(cell) = cell.as_object_mut() {
            cell.remove("recipe");
        }
    }
    document
}

fn row_name(cell: Cell) -> String {
    cell.epoch
        .map_or_else(|| "model".to_owned(), |epoch| format!("epoch {epoch}"))
}

/// At least one place after the point.
fn strength_text(strength: f32) -> String {
    format!("{strength:?}")
}

/// The digits that were asked for, and not those of the nearest number in 64 bits.
fn number(strength: f32) -> Value {
    serde_json::from_str(&strength_text(strength)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_lie_where_the_document_says() {
        let cells = super::super::cells(&[Some(1), Some(12)], &[0.5, 1.0, 1.1]).unwrap();
        let drawn: Vec<_> = (0..6_u8)
            .map(|shade| Drawn {
                picture: (shade != 4).then(|| RgbPicture::filled(24, 16, [shade; 3])),
                ..Drawn::default()
            })
            .collect();
        let sheet = Sheet::of(&cells, 3, &drawn);
        for (place, cell) in sheet.places.iter().zip(&drawn) {
            let part = sheet.picture.part(*place, sheet.size);
            let missing = RgbPicture::filled(24, 16, MISSING);
            assert_eq!(part, cell.picture.clone().unwrap_or(missing));
        }
    }

    #[test]
    fn what_came_to_the_place_of_the_sheet_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("sheet.png");
        fs_err::write(&out, "mine").unwrap();
        let cells = super::super::cells(&[None], &[1.0]).unwrap();
        let sheet = Sheet::of(&cells, 1, &[Drawn::default()]);
        let refused = sheet.save(&out, &json!({})).unwrap_err();
        assert_eq!(atelier_failure::code_of(&refused), ErrorCode::Conflict);
        assert_eq!(fs_err::read(&out).unwrap(), b"mine");
    }

    #[test]
    fn strengths_are_written_as_they_were_asked_for() {
        assert_eq!(strength_text(1.0), "1.0");
        assert_eq!(strength_text(0.85), "0.85");
        assert_eq!(number(1.1).to_string(), "1.1");
    }
}
