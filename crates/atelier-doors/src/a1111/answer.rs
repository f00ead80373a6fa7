//! The answer to a drawing: one JSON document, whose pictures come one after the other, so that no more than one of them is in
//! the memory.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use atelier_core::JobState;
use atelier_data::png;
use atelier_jobs::GenerationRequest;
use atelier_server::door::App;
use atelier_store::{Job, Library, Picture};
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize as _;
use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::infotext;
use super::said::Said;
use super::words::name_of;

/// Characters of a base's hash.
const HASH_CHARS: usize = 10;

/// What is answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) job: Job,
    pub(super) pictures: Vec<Picture>,
    /// The request, without its pictures.
    pub(super) said: Said,
    pub(super) batch_size: usize,
    pub(super) sends_images: bool,
}

type Piece = io::Result<Bytes>;

impl Answer {
    /// Begins to answer.
    pub(super) fn respond(self, app: &App) -> Response {
        let (to_client, pieces) = channel(1);
        tokio::spawn(self.tell(app.clone(), to_client));
        let kind = [(header::CONTENT_TYPE, "application/json")];
        (kind, Body::from_stream(Pieces(pieces))).into_response()
    }

    async fn tell(self, app: App, to_client: Sender<Piece>) {
        let (mut texts, mut start) = (Vec::new(), "{\"images\":[".to_owned());
        for picture in &self.pictures {
            let (library, hash) = (app.library(), picture.hash.clone());
            let (lead, sends) = (std::mem::take(&mut start), self.sends_images);
            let read = move || read(&library, &hash, lead, sends);
            let piece = app.work().files(read).await;
            let piece = piece.unwrap_or_else(|_| Err(io::Error::other("the server is busy")));
            let is_broken = piece.is_err();
            let (piece, text) = piece.map_or_else(
                |error| (Err(error), String::new()),
                |(piece, text)| (Ok(piece), text),
            );
            // One that went away needs no more.
            if to_client.send(piece).await.is_err() || is_broken {
                return;
            }
            texts.push(text);
            if self.sends_images {
                ",".clone_into(&mut start);
            }
        }
        let end = format!(
            "{}],\"parameters\":{},\"info\":{}}}",
            if self.pictures.is_empty() { &start } else { "" },
            serde_json::to_string(&self.said).unwrap_or_default(),
            Value::from(self.info(&texts).to_string()),
        );
        let _ = to_client.send(Ok(end.into())).await;
    }

    /// What is told about the pictures, as the other house names it; and `atelier`, which is this house's own.
    fn info(&self, texts: &[String]) -> Value {
        let wanted = GenerationRequest::deserialize(&self.job.request).unwrap_or_default();
        let request = &wanted.request;
        let count = self.pictures.len();
        let first = self.pictures.first();
        let base = first.map_or(&Value::Null, |picture| &picture.recipe["base"]);
        let hash = base["hash"]
            .as_str()
            .and_then(|hash| hash.get(..HASH_CHARS));
        let seeds: Vec<_> = self.pictures.iter().map(|picture| picture.seed.0).collect();
        let ids = self.pictures.iter().map(|picture| picture.id.to_string());
        let negative = request.negative.as_deref().unwrap_or_default();
        json!({
            "prompt": request.prompt,
            "all_prompts": vec![&request.prompt; count],
            "negative_prompt": negative,
            "all_negative_prompts": vec![negative; count],
            "seed": request.seed.0,
            "all_seeds": seeds,
            "subseed": -1,
            "all_subseeds": vec![-1; count],
            "subseed_strength": 0,
            "width": first.map(|picture| picture.width),
            "height": first.map(|picture| picture.height),
            "sampler_name": name_of(request.sampler),
            "cfg_scale": request.guidance,
            "steps": request.steps,
            "batch_size": self.batch_size,
            "restore_faces": false,
            "face_restoration_model": null,
            "sd_model_name": base["name"],
            "sd_model_hash": hash,
            "sd_vae_name": null,
            "sd_vae_hash": null,
            "seed_resize_from_w": -1,
            "seed_resize_from_h": -1,
            "denoising_strength": wanted.start.as_ref().map(|start| start.denoise),
            "extra_generation_params": {},
            "index_of_first_image": 0,
            "infotexts": texts,
            "styles": [],
            "job_timestamp": "0",
            "clip_skip": request.clip_skip + 1,
            "is_using_inpainting_conditioning": false,
            "version": concat!("atelier ", env!("CARGO_PKG_VERSION")),
            "atelier": {
                "job": self.job.id.to_string(),
                "is_cancelled": self.job.state == JobState::Cancelled,
                "pictures": ids.collect::<Vec<_>>(),
            },
        })
    }
}

/// A picture as text behind what leads to it, and what the picture says about itself.
fn read(
    library: &Library,
    hash: &str,
    mut lead: String,
    sends_image: bool,
) -> io::Result<(Bytes, String)> {
    let bytes = library.blobs().read(hash).map_err(io::Error::other)?;
    let texts = png::text_of(&bytes).unwrap_or_default();
    if sends_image {
        lead.push('"');
        STANDARD.encode_string(&bytes, &mut lead);
        lead.push('"');
    }
    Ok((lead.into(), infotext::in_texts(&texts).to_owned()))
}

/// The pieces, as the body of an answer.
struct Pieces(Receiver<Piece>);

impl futures_core::Stream for Pieces {
    type Item = Piece;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Piece>> {
        self.0.poll_recv(context)
    }
}
