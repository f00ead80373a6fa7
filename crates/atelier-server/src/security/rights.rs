//! Who may ask for what: every place of every API, with the least role and the least scope of a token, in one table. What is not
//! here is for accounts with the role owner alone, so that a place that somebody forgets is open to nobody else.

use std::collections::HashMap;
use std::sync::LazyLock;

use atelier_accounts::{Role, TokenScope};
use atelier_core::ErrorCode;
use atelier_http::answer::{Failure, Result};
use atelier_http::security::is_below;
use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};

use crate::session::Viewer;

use Least::{Member, Open, Owner, Viewer as Looker};
use TokenScope::{All, Read, Write};

/// Who may ask at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Least {
    /// Everybody.
    Open,
    /// Whoever has an account.
    Viewer,
    /// Whoever makes things.
    Member,
    /// Whoever says who has an account.
    Owner,
}

/// What it takes to ask for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Right {
    least: Least,
    scope: TokenScope,
    /// What is noted when it was done, where it is.
    pub(crate) noted: Option<&'static str>,
    /// Whether it is not done to its end when its client has gone away.
    pub(crate) ends_with_client: bool,
    /// Whether it is for a part of the pages, which are the same for everybody.
    pub(crate) is_page: bool,
    /// The methods that the place takes, where it does not take the request's.
    pub(crate) other_methods: Option<&'static str>,
}

const PAGES: Right = Right {
    is_page: true,
    ..right(Open, Read, None)
};
const UNKNOWN: Right = right(Looker, Read, None);
const UNLISTED: Right = right(Owner, All, None);

const fn right(least: Least, scope: TokenScope, noted: Option<&'static str>) -> Right {
    Right {
        least,
        scope,
        noted,
        ends_with_client: false,
        is_page: false,
        other_methods: None,
    }
}

/// What takes long, and is for those alone who wait for it.
const ENDING_WITH_CLIENTS: [&str; 9] = [
    "/api/v1/datasets/{dataset}/images",
    "/api/v1/models/import",
    "/api/v1/start-pictures",
    "/api/rest/v1/uploads/{token}",
    "/sdapi/v1/txt2img",
    "/sdapi/v1/img2img",
    "/sdapi/v1/png-info",
    "/api/v1/trainings/plan",
    "/api/v1/trigger-words/judge",
];

type Row = (&'static str, &'static str, Least, TokenScope, &'static str);

/// Method, path, least role, least scope, and what is noted. `HEAD` is `GET`; `*` is every method.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("GET", "/healthz", Open, Read, ""),
    ("GET", "/metrics", Owner, Read, ""),
    ("GET", "/api/v1/openapi.json", Looker, Read, ""),
    ("GET", "/api/v1/about", Looker, Read, ""),
    ("GET", "/api/v1/door-mappings", Looker, Read, ""),
    ("PUT", "/api/v1/door-mappings", Owner, All, "door-mappings-changed"),
    // Who asks.
    ("GET", "/api/v1/session", Open, Read, ""),
    ("POST", "/api/v1/session", Open, All, ""),
    ("DELETE", "/api/v1/session", Looker, All, ""),
    ("PUT", "/api/v1/session/password", Looker, All, ""),
    ("GET", "/api/v1/tokens", Looker, All, ""),
    ("POST", "/api/v1/tokens", Looker, All, ""),
    ("DELETE", "/api/v1/tokens/{token}", Looker, All, ""),
    ("GET", "/api/v1/accounts", Owner, All, ""),
    ("POST", "/api/v1/accounts", Owner, All, ""),
    ("PATCH", "/api/v1/accounts/{account}", Owner, All, ""),
    ("DELETE", "/api/v1/accounts/{account}", Owner, All, ""),
    ("GET", "/api/v1/audit", Owner, All, ""),
    // Datasets.
    ("GET", "/api/v1/datasets", Looker, Read, ""),
    ("POST", "/api/v1/datasets", Member, Write, ""),
    ("GET", "/api/v1/datasets/{dataset}", Looker, Read, ""),
    ("PATCH", "/api/v1/datasets/{dataset}", Member, Write, ""),
    ("DELETE", "/api/v1/datasets/{dataset}", Member, Write, "dataset-deleted"),
    ("POST", "/api/v1/datasets/{dataset}/restore", Member, Write, ""),
    ("PUT", "/api/v1/datasets/{dataset}/shared", Member, Write, "dataset-shared"),
    ("GET", "/api/v1/datasets/{dataset}/dependents", Looker, Read, ""),
    ("GET", "/api/v1/datasets/{dataset}/diff", Looker, Read, ""),
    ("POST", "/api/v1/datasets/{dataset}/edits", Member, Write, ""),
    ("POST", "/api/v1/datasets/{dataset}/images", Member, Write, ""),
    ("POST", "/api/v1/datasets/{dataset}/images/from-picture", Member, Write, ""),
    ("GET", "/api/v1/datasets/{dataset}/images/{image}/file", Looker, Read, ""),
    ("GET", "/api/v1/datasets/{dataset}/images/{image}/thumbnail", Looker, Read, ""),
    ("GET", "/api/v1/datasets/{dataset}/versions", Looker, Read, ""),
    ("GET", "/api/v1/datasets/{dataset}/versions/{version}", Looker, Read, ""),
    ("GET", "/api/v1/datasets/{dataset}/versions/{version}/export", Looker, Read, ""),
    // Trainings. A plan is made by those who can begin it.
    ("GET", "/api/v1/bases", Looker, Read, ""),
    ("GET", "/api/v1/settings/schema", Looker, Read, ""),
    ("POST", "/api/v1/trigger-words/judge", Member, Read, ""),
    ("POST", "/api/v1/trainings/plan", Member, Read, ""),
    ("POST", "/api/v1/trainings", Member, Write, "training-started"),
    // Runs.
    ("GET", "/api/v1/runs", Looker, Read, ""),
    ("GET", "/api/v1/runs/compare", Looker, Read, ""),
    ("GET", "/api/v1/runs/{run}", Looker, Read, ""),
    ("DELETE", "/api/v1/runs/{run}", Member, Write, "run-deleted"),
    ("POST", "/api/v1/runs/{run}/restore", Member, Write, ""),
    ("PUT", "/api/v1/runs/{run}/shared", Member, Write, "run-shared"),
    ("GET", "/api/v1/runs/{run}/losses", Looker, Read, ""),
    ("GET", "/api/v1/runs/{run}/previews", Looker, Read, ""),
    ("GET", "/api/v1/runs/{run}/previews/{epoch}/{number}/file", Looker, Read, ""),
    ("GET", "/api/v1/runs/{run}/previews/{epoch}/{number}/thumbnail", Looker, Read, ""),
    ("POST", "/api/v1/runs/{run}/stop", Member, Write, "training-stopped"),
    ("POST", "/api/v1/runs/{run}/resume", Member, Write, "training-started"),
    // Models.
    ("GET", "/api/v1/models", Looker, Read, ""),
    ("POST", "/api/v1/models", Member, Write, ""),
    ("POST", "/api/v1/models/import", Member, Write, "model-imported"),
    ("GET", "/api/v1/models/{model}", Looker, Read, ""),
    ("PATCH", "/api/v1/models/{model}", Member, Write, ""),
    ("DELETE", "/api/v1/models/{model}", Member, Write, "model-deleted"),
    ("POST", "/api/v1/models/{model}/restore", Member, Write, ""),
    ("PUT", "/api/v1/models/{model}/shared", Member, Write, "model-shared"),
    ("GET", "/api/v1/models/{model}/file", Looker, Read, ""),
    ("GET", "/api/v1/models/{model}/export", Looker, Read, ""),
    ("GET", "/api/v1/models/{model}/lineage", Looker, Read, ""),
    // Jobs.
    ("POST", "/api/v1/drawings", Member, Write, "drawing-started"),
    ("POST", "/api/v1/start-pictures", Member, Write, ""),
    ("POST", "/api/v1/start-pictures/from-library", Member, Write, ""),
    ("GET", "/api/v1/start-pictures/{start_picture}", Looker, Read, ""),
    ("GET", "/api/v1/start-pictures/{start_picture}/file", Looker, Read, ""),
    ("GET", "/api/v1/start-pictures/{start_picture}/thumbnail", Looker, Read, ""),
    ("GET", "/api/v1/jobs", Looker, Read, ""),
    ("GET", "/api/v1/jobs/{job}", Looker, Read, ""),
    // Who has their turn first is for those to say who see all that wait.
    ("GET", "/api/v1/jobs/{job}/log", Owner, Read, ""),
    ("PATCH", "/api/v1/jobs/{job}", Owner, Write, "job-moved"),
    ("POST", "/api/v1/jobs/{job}/cancel", Member, Write, "job-cancelled"),
    ("POST", "/api/v1/jobs/{job}/pause", Member, Write, ""),
    ("POST", "/api/v1/jobs/{job}/resume", Member, Write, ""),
    ("POST", "/api/v1/jobs/{job}/retry", Member, Write, ""),
    ("GET", "/api/v1/events", Looker, Read, ""),
    // Pictures.
    ("GET", "/api/v1/pictures", Looker, Read, ""),
    ("GET", "/api/v1/pictures/{picture}", Looker, Read, ""),
    ("DELETE", "/api/v1/pictures/{picture}", Member, Write, "picture-deleted"),
    ("POST", "/api/v1/pictures/{picture}/restore", Member, Write, ""),
    ("PUT", "/api/v1/pictures/{picture}/shared", Member, Write, "picture-shared"),
    ("GET", "/api/v1/pictures/{picture}/file", Looker, Read, ""),
    ("GET", "/api/v1/pictures/{picture}/thumbnail", Looker, Read, ""),
    // Leonardo's clients. Addresses for announced pictures, and those of files, end with tokens of their own.
    ("GET", "/api/rest/v1/me", Looker, Read, ""),
    ("POST", "/api/rest/v1/datasets", Member, Write, ""),
    ("GET", "/api/rest/v1/datasets/{id}", Looker, Read, ""),
    ("DELETE", "/api/rest/v1/datasets/{id}", Member, Write, "dataset-deleted"),
    ("POST", "/api/rest/v1/datasets/{id}/upload", Member, Write, ""),
    ("POST", "/api/rest/v1/datasets/{id}/upload/gen", Member, Write, ""),
    ("POST", "/api/rest/v1/uploads/{token}", Open, Write, ""),
    ("GET", "/api/rest/v1/files/{token}", Open, Read, ""),
    ("POST", "/api/rest/v1/models", Member, Write, "training-started"),
    ("GET", "/api/rest/v1/models/{id}", Looker, Read, ""),
    ("DELETE", "/api/rest/v1/models/{id}", Member, Write, "model-deleted"),
    ("GET", "/api/rest/v1/models/user/{user}", Looker, Read, ""),
    ("GET", "/api/rest/v1/platformModels", Looker, Read, ""),
    ("GET", "/api/rest/v1/elements", Looker, Read, ""),
    ("POST", "/api/rest/v1/elements", Member, Write, "training-started"),
    ("GET", "/api/rest/v1/elements/{id}", Looker, Read, ""),
    ("DELETE", "/api/rest/v1/elements/{id}", Member, Write, "model-deleted"),
    ("GET", "/api/rest/v1/elements/user/{user}", Looker, Read, ""),
    ("POST", "/api/rest/v1/generations", Member, Write, "drawing-started"),
    ("GET", "/api/rest/v1/generations/{id}", Looker, Read, ""),
    ("DELETE", "/api/rest/v1/generations/{id}", Member, Write, "drawing-deleted"),
    ("GET", "/api/rest/v1/generations/user/{user}", Looker, Read, ""),
    ("POST", "/api/rest/v1/pricing-calculator", Looker, Read, ""),
    ("*", "/api/rest/v1/variations/{id}", Looker, Read, ""),
    ("*", "/api/rest/v1/variations/upscale", Looker, Read, ""),
    ("*", "/api/rest/v1/variations/unzoom", Looker, Read, ""),
    ("*", "/api/rest/v1/variations/nobg", Looker, Read, ""),
    ("*", "/api/rest/v1/variations/universal-upscaler", Looker, Read, ""),
    ("*", "/api/rest/v1/init-image", Looker, Read, ""),
    ("*", "/api/rest/v1/init-image/{id}", Looker, Read, ""),
    ("*", "/api/rest/v1/canvas-init-image", Looker, Read, ""),
    ("*", "/api/rest/v1/prompt/improve", Looker, Read, ""),
    ("*", "/api/rest/v1/prompt/random", Looker, Read, ""),
    ("*", "/api/rest/v1/{*rest}", Looker, Read, ""),
    // AUTOMATIC1111's clients.
    ("POST", "/sdapi/v1/txt2img", Member, Write, "drawing-started"),
    ("POST", "/sdapi/v1/img2img", Member, Write, "drawing-started"),
    ("POST", "/sdapi/v1/png-info", Looker, Read, ""),
    ("GET", "/sdapi/v1/progress", Looker, Read, ""),
    ("POST", "/sdapi/v1/interrupt", Member, Write, ""),
    ("POST", "/sdapi/v1/skip", Member, Write, ""),
    ("GET", "/sdapi/v1/options", Looker, Read, ""),
    ("POST", "/sdapi/v1/options", Member, Write, ""),
    ("GET", "/sdapi/v1/sd-models", Looker, Read, ""),
    ("GET", "/sdapi/v1/loras", Looker, Read, ""),
    ("GET", "/sdapi/v1/samplers", Looker, Read, ""),
    ("GET", "/sdapi/v1/schedulers", Looker, Read, ""),
    ("GET", "/sdapi/v1/scripts", Looker, Read, ""),
    ("GET", "/sdapi/v1/script-info", Looker, Read, ""),
    ("GET", "/sdapi/v1/embeddings", Looker, Read, ""),
    ("GET", "/sdapi/v1/memory", Looker, Read, ""),
    ("GET", "/sdapi/v1/cmd-flags", Looker, Read, ""),
    ("GET", "/sdapi/v1/sd-vae", Looker, Read, ""),
    ("GET", "/sdapi/v1/hypernetworks", Looker, Read, ""),
    ("GET", "/sdapi/v1/prompt-styles", Looker, Read, ""),
    ("GET", "/sdapi/v1/face-restorers", Looker, Read, ""),
    ("GET", "/sdapi/v1/realesrgan-models", Looker, Read, ""),
    ("GET", "/sdapi/v1/latent-upscale-modes", Looker, Read, ""),
    ("GET", "/sdapi/v1/upscalers", Looker, Read, ""),
    ("GET", "/sdapi/v1/extensions", Looker, Read, ""),
    ("POST", "/sdapi/v1/refresh-checkpoints", Looker, Read, ""),
    ("POST", "/sdapi/v1/refresh-vae", Looker, Read, ""),
    ("POST", "/sdapi/v1/refresh-loras", Looker, Read, ""),
    ("POST", "/sdapi/v1/extra-single-image", Looker, Read, ""),
    ("POST", "/sdapi/v1/extra-batch-images", Looker, Read, ""),
    ("POST", "/sdapi/v1/interrogate", Looker, Read, ""),
    ("POST", "/sdapi/v1/create/embedding", Looker, Read, ""),
    ("POST", "/sdapi/v1/create/hypernetwork", Looker, Read, ""),
    ("POST", "/sdapi/v1/train/embedding", Looker, Read, ""),
    ("POST", "/sdapi/v1/train/hypernetwork", Looker, Read, ""),
    ("POST", "/sdapi/v1/unload-checkpoint", Looker, Read, ""),
    ("POST", "/sdapi/v1/reload-checkpoint", Looker, Read, ""),
    ("*", "/sdapi/v1/{*rest}", Looker, Read, ""),
];

static RIGHTS: LazyLock<HashMap<(&str, &str), Right>> = LazyLock::new(|| {
    let rows = TABLE.iter().map(|&(method, path, least, scope, noted)| {
        let noted = (!noted.is_empty()).then_some(noted);
        let right = Right {
            ends_with_client: ENDING_WITH_CLIENTS.contains(&path),
            ..right(least, scope, noted)
        };
        ((method, path), right)
    });
    rows.collect()
});

/// What is answered to other methods at every place that takes only some: for everybody where one of them is, else for whoever
/// has an account, with those that it takes.
static OTHER_METHODS: LazyLock<HashMap<&str, (Least, String)>> = LazyLock::new(|| {
    let mut places: HashMap<&str, (Least, String)> = HashMap::new();
    for &(method, path, least, ..) in TABLE {
        let place = places.entry(path).or_insert((Looker, String::new()));
        if least == Open {
            place.0 = Open;
        }
        let comma = if place.1.is_empty() { "" } else { ", " };
        let head = if method == "GET" { ", HEAD" } else { "" };
        place.1.extend([comma, method, head]);
    }
    places
});

impl Right {
    /// What it takes for a request.
    pub(crate) fn of(request: &Request) -> Self {
        let path = request.uri().path();
        let is_api = is_below(path, "/api") || is_below(path, "/sdapi");
        match request.extensions().get::<MatchedPath>() {
            Some(route) => Self::at(request.method(), route.as_str()),
            // There is nothing, which is for nobody to know but those who have an account.
            None if is_api => UNKNOWN,
            None => PAGES,
        }
    }

    fn at(method: &Method, route: &str) -> Self {
        let method = match *method {
            Method::HEAD => "GET",
            _ => method.as_str(),
        };
        let of_method = RIGHTS.get(&(method, route));
        let right = of_method.or_else(|| RIGHTS.get(&("*", route)));
        match (right, OTHER_METHODS.get(route)) {
            (Some(right), _) => *right,
            (None, Some((least, methods))) => Self {
                least: *least,
                other_methods: Some(methods.as_str()),
                ..UNKNOWN
            },
            (None, None) => UNLISTED,
        }
    }

    /// Whether it takes anything at all.
    pub(crate) fn is_guarded(self) -> bool {
        self.least != Open
    }

    /// Refuses a method that the place does not take. What the table does not have reaches no handler, so that one that somebody
    /// forgets there is open to nobody.
    pub(crate) fn check_method(self) -> Result<()> {
        if self.other_methods.is_none() {
            return Ok(());
        }
        let failure = Failure::invalid("this address does not take this method");
        Err(failure.with_status(StatusCode::METHOD_NOT_ALLOWED))
    }

    /// Refuses those who may not.
    pub(crate) fn check(self, viewer: &Viewer) -> Result<()> {
        let least = match self.least {
            Open => return Ok(()),
            Looker => Role::Viewer,
            Member => Role::Member,
            Owner => Role::Owner,
        };
        let Some(role) = viewer.role() else {
            let message = "this is for those who are logged in, or show a token";
            return Err(Failure::unauthenticated(message));
        };
        if role < least {
            let message = format!("this is for the role `{least}`; this account has `{role}`");
            return Err(Failure::new(ErrorCode::Forbidden, message));
        }
        let scope = viewer.scope();
        if scope < self.scope {
            let needed = self.scope;
            let message = format!("this takes a token of scope `{needed}`; this one has `{scope}`");
            return Err(Failure::new(ErrorCode::Forbidden, message));
        }
        Ok(())
    }
}

/// Whether a place takes anything at all.
pub(crate) fn is_guarded(method: &str, route: &str) -> bool {
    let right = RIGHTS.get(&(method, route));
    right.is_none_or(|right| right.is_guarded())
}

#[cfg(test)]
mod tests;
