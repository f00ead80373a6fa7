//! What to say when the hub, or the host that stores its files, does not give what was asked for.

use std::fmt;
use std::time::Duration;

use atelier_core::ErrorCode;
use atelier_failure::{failed, is_cancelled};
use ureq::http::Uri;

use crate::network::proxy::Via;
use crate::network::settings::HubSettings;
use crate::network::transfer::Head;
use crate::network::trouble::Trouble;
use crate::source::Repo;

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) repo: &'a Repo,
    pub(crate) revision: &'a str,
    pub(crate) file: Option<&'a str>,
}

impl fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (repo, revision) = (self.repo, self.revision);
        match self.file {
            Some(file) => write!(f, "`{file}` of `{repo}@{revision}`"),
            None => write!(f, "`{repo}@{revision}`"),
        }
    }
}

/// The other side was not reached, or fell silent before it answered.
pub(crate) fn unreachable(
    trouble: Trouble,
    (host, via): (&Uri, Option<&Via>),
    wanted: &Wanted<'_>,
) -> Trouble {
    let through = via.map_or_else(String::new, |via| {
        format!(" through the proxy of `{}`", via.variable)
    });
    match trouble {
        Trouble::Passing { error, wait } => {
            let host = host.authority().map_or("", |authority| authority.as_str());
            let message = format!("cannot reach `{host}`{through} for {wanted}: {error}");
            Trouble::Passing {
                error: failed(ErrorCode::Network, message),
                wait,
            }
        }
        Trouble::Final(error) if is_cancelled(&error) => Trouble::Final(error),
        Trouble::Final(error) => {
            Trouble::Final(error.context(format!("cannot ask for {wanted}{through}")))
        }
    }
}

/// The hub answered with a status that is no success.
pub(crate) fn by_hub(
    status: u16,
    head: &Head,
    wanted: &Wanted<'_>,
    settings: &HubSettings,
) -> Trouble {
    match status {
        401 | 403 => Trouble::lasting(ErrorCode::AccessDenied, denied(head, wanted, settings)),
        404 => Trouble::lasting(ErrorCode::NotFound, absent(head, wanted, settings)),
        _ => by_any(status, head, &settings.endpoint, wanted),
    }
}

/// The host that stores files answered so. Its permissions run out, and the hub gives new ones.
pub(crate) fn by_storage(status: u16, head: &Head, host: &Uri, wanted: &Wanted<'_>) -> Trouble {
    let host = host.host().unwrap_or_default();
    match status {
        401 | 403 => Trouble::passing(format!("`{host}` refuses {wanted} (status {status})")),
        _ => by_any(status, head, host, wanted),
    }
}

fn by_any(status: u16, head: &Head, host: &str, wanted: &Wanted<'_>) -> Trouble {
    let wait = retry_after(head);
    let asks = wait.map_or_else(String::new, |wait| {
        format!(", and asks to wait {} s", wait.as_secs())
    });
    let message = match status {
        429 => format!("{host} limits the rate of requests (status 429){asks}"),
        _ => format!("{host} fails on {wanted} (status {status}){asks}"),
    };
    match status {
        408 | 425 | 429 | 500..=599 => Trouble::Passing {
            error: failed(ErrorCode::Network, message),
            wait,
        },
        _ => Trouble::lasting(ErrorCode::Network, message),
    }
}

fn denied(head: &Head, wanted: &Wanted<'_>, settings: &HubSettings) -> String {
    let (status, repo, endpoint) = (head.status, wanted.repo, &settings.endpoint);
    let token = match settings.token {
        Some(_) => "the token that was sent does not open it",
        None => "no token was sent",
    };
    let page = format!("{endpoint}/{repo}");
    if hub_code(head) == Some("RepoNotFound") {
        return format!(
            "there is no repository `{repo}` on {endpoint}, or it is private and {token} (status {status}): check the \
             name, or set `HF_TOKEN` to a token that may read it"
        );
    }
    format!(
        "access to {wanted} is refused (status {status}): the repository is gated or private, and {token}; accept its \
         licence on {page}, and set `HF_TOKEN` to a token that may read it"
    )
}

fn absent(head: &Head, wanted: &Wanted<'_>, settings: &HubSettings) -> String {
    let (repo, revision, endpoint) = (wanted.repo, wanted.revision, &settings.endpoint);
    match (hub_code(head), wanted.file) {
        (Some("RepoNotFound"), _) => format!("there is no repository `{repo}` on {endpoint}"),
        (Some("RevisionNotFound"), _) => format!("`{repo}` has no revision `{revision}`"),
        (_, Some(file)) => format!("there is no file `{file}` in `{repo}@{revision}`"),
        (_, None) => format!(
            "there is no repository `{repo}` on {endpoint}, or it has no revision `{revision}`"
        ),
    }
}

/// The hub's own word for a failure.
fn hub_code(head: &Head) -> Option<&str> {
    head.header("x-error-code")
}

fn retry_after(head: &Head) -> Option<Duration> {
    let secs = head.header("retry-after")?.trim().parse().ok()?;
    Some(Duration::from_secs(secs))
}
