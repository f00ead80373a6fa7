//! What a picture says about itself.

use atelier_data::png;
use atelier_server::door::{AppFor, Json, json_within};
use axum::extract::Request;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::infotext;
use super::pictures::bytes_of;
use super::refusal::{Refusal, Result};

/// A picture.
#[derive(Debug, Deserialize)]
struct Asked {
    image: String,
}

/// Reads the texts inside a PNG; other pictures have none that is read.
pub(super) async fn read_png_info(AppFor(app): AppFor, request: Request) -> Result<Json<Value>> {
    // As many at the same time as uploads, since they are in the memory.
    let turn = app.upload_place().await?;
    let limits = *app.limits();
    let asked: Asked = json_within(request, &app, limits.picture_json_bytes).await?;
    let read = move || -> Result<Vec<(String, String)>> {
        let bytes = bytes_of(&asked.image, "`image`", limits.picture_bytes)?;
        let format = image::guess_format(&bytes);
        match format.map_err(|_| Refusal::invalid("`image` is no picture"))? {
            image::ImageFormat::Png => png::text_of(&bytes)
                .map_err(|problem| Refusal::invalid(format!("`image`: {problem}"))),
            _ => Ok(Vec::new()),
        }
    };
    let texts = turn.run(read).await??;
    let info = infotext::in_texts(&texts).to_owned();
    let parameters = infotext::parse(&info);
    let items: Map<_, _> = texts
        .into_iter()
        .map(|(keyword, text)| (keyword, Value::from(text)))
        .collect();
    Ok(Json(
        json!({"info": info, "items": items, "parameters": parameters}),
    ))
}
