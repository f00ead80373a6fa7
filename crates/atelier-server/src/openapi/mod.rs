//! The description of the API, from which clients are made. `docs/reference/openapi.json` is a copy of it.

mod access;
pub(crate) mod choices;
mod closed;

use axum::http::header;
use axum::response::IntoResponse;
use utoipa::OpenApi;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Schema};

use crate::extract::AppFor;
use crate::routes::described;

#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Atelier",
        description = "A private studio for custom image models. Every failure is answered as `Failure`.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT")
    ),
    components(schemas(crate::events::stream::JobChanges)),
    tags(
        (name = "datasets", description = "Pictures with captions, and versions of these that never change."),
        (name = "trainings", description = "Bases, settings, and what a training will be."),
        (name = "runs", description = "Trainings of versions of datasets."),
        (name = "models", description = "Fine-tuned models: adapters with what is needed to use them."),
        (name = "jobs", description = "The queue that trains and draws."),
        (name = "start pictures", description = "Pictures that drawings start from, and masks of them."),
        (name = "pictures", description = "Pictures that were drawn."),
        (name = "accounts", description = "Who is let in, and what they may do."),
        (name = "server", description = "The server itself.")
    )
)]
struct Document;

/// The frame of the description.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// The description of the API in `OpenAPI` 3.1, as it is at `/api/v1/openapi.json`.
pub fn openapi_json() -> String {
    let (_, mut document) = described();
    for path in document.paths.paths.values_mut() {
        let operations = [
            &mut path.get,
            &mut path.post,
            &mut path.put,
            &mut path.patch,
            &mut path.delete,
        ];
        for operation in operations.into_iter().flatten() {
            let responses = &mut operation.responses.responses;
            responses.insert("default".to_owned(), failure("Another failure.").into());
        }
    }
    access::describe(&mut document);
    if let Some(components) = document.components.as_mut() {
        closed::open_inside_larger(&mut components.schemas);
        components.schemas.values_mut().for_each(forget_defaults);
    }
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// Makers of clients take a property with a default for one that is always there, in requests too.
fn forget_defaults(schema: &mut RefOr<Schema>) {
    let RefOr::T(Schema::Object(object)) = schema else {
        return;
    };
    for property in object.properties.values_mut() {
        if let RefOr::T(Schema::Object(property)) = property {
            property.default = None;
        }
    }
}

/// A failure, in the form of all. Any operation may be answered with one: other hosts, other sites, other types of bodies, a busy
/// server.
fn failure(description: &str) -> Response {
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("Failure")));
    ResponseBuilder::new()
        .description(description)
        .content("application/json", body.build())
        .build()
}

/// Answers it.
pub(crate) async fn get_openapi(AppFor(app): AppFor) -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, app.openapi().to_owned())
}
