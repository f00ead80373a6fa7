//! Which hub, with which token, into which folder: the variables that the hub's own programs read too.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use atelier_core::ErrorCode;
use atelier_failure::failed;
use ureq::http::Uri;

use crate::network::env_vars::{
    ATELIER_HUB_WAIT_MS, HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE, HF_TOKEN,
    HF_TOKEN_PATH, HOME, SSL_CERT_FILE, XDG_CACHE_HOME,
};
use crate::network::proxy::Proxies;

/// The hub that is asked when no other is named.
const DEFAULT_ENDPOINT: &str = "https://huggingface.co";
/// Wait before the second attempt; it doubles with each further one.
const DEFAULT_WAIT: Duration = Duration::from_secs(1);

/// A secret that opens repositories. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl Token {
    /// The value for the header `Authorization`.
    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The resolved settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HubSettings {
    /// Where the hub answers, without a slash at the end.
    pub(crate) endpoint: String,
    /// The folder that holds one folder per repository.
    pub(crate) cache: PathBuf,
    /// What is sent to the endpoint, and nowhere else.
    pub(crate) token: Option<Token>,
    /// Whether the network must not be used.
    pub(crate) offline: bool,
    /// Wait before the second attempt.
    pub(crate) first_wait: Duration,
    /// The ways to hosts.
    pub(crate) proxies: Proxies,
    /// The file with the authorities that are believed, looked into only when something is asked; those inside the program
    /// where there is none.
    pub(crate) authorities: Option<PathBuf>,
}

impl HubSettings {
    /// Reads the environment, and the file with the token.
    pub(crate) fn from_environment() -> Result<Self> {
        Self::resolve(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    pub(crate) fn resolve(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let user = variable(HOME).map(PathBuf::from);
        let folder = |name: &str| Some(expanded(variable(name)?.into(), user.as_deref()));
        let text = |name: &str| variable(name).map(|value| value.to_string_lossy().into_owned());
        let home = folder(HF_HOME).or_else(|| {
            let usual = || Some(user.as_deref()?.join(".cache"));
            let caches = folder(XDG_CACHE_HOME).or_else(usual)?;
            Some(caches.join("huggingface"))
        });
        let cache = folder(HF_HUB_CACHE).or_else(|| Some(home.as_deref()?.join("hub")));
        let cache = cache.ok_or_else(|| {
            let message = format!("no folder to download to: set `{HF_HOME}` to one");
            failed(ErrorCode::InvalidInput, message)
        })?;
        let token_file =
            folder(HF_TOKEN_PATH).or_else(|| home.as_deref().map(|home| home.join("token")));
        let from_file = || fs_err::read_to_string(token_file?).ok();
        Ok(Self {
            endpoint: endpoint(text(HF_ENDPOINT).as_deref().unwrap_or(DEFAULT_ENDPOINT))?,
            cache: std::path::absolute(cache)?,
            token: token(text(HF_TOKEN).or_else(from_file))?,
            offline: text(HF_HUB_OFFLINE).is_some_and(|word| is_true(&word)),
            first_wait: wait(text(ATELIER_HUB_WAIT_MS).as_deref())?,
            proxies: Proxies::resolve(text),
            authorities: folder(SSL_CERT_FILE),
        })
    }
}

/// A path with the user's folder in place of a `~` in front, as the hub's own programs read it.
fn expanded(path: PathBuf, user: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~"), user) {
        (Ok(rest), Some(user)) => user.join(rest),
        _ => path,
    }
}

fn endpoint(text: &str) -> Result<String> {
    let uri = text.parse::<Uri>().ok();
    let fits = uri.is_some_and(|uri| {
        let named = uri
            .authority()
            .is_some_and(|authority| !authority.as_str().contains('@'));
        named && matches!(uri.scheme_str(), Some("http" | "https")) && uri.query().is_none()
    });
    if !fits {
        let message = format!(
            "`{HF_ENDPOINT}` is no address of a hub, expected one like {DEFAULT_ENDPOINT}, without a user or a query"
        );
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn token(text: Option<String>) -> Result<Option<Token>> {
    let text = text.map(|text| text.trim().to_owned());
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if !text.chars().all(|c| c.is_ascii_graphic()) {
        let message = format!(
            "the token in `{HF_TOKEN}` or its file has characters that no token has; copy it again"
        );
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    Ok(Some(Token(text)))
}

/// The words that mean yes to the hub's own programs.
fn is_true(word: &str) -> bool {
    ["1", "on", "yes", "true"]
        .iter()
        .any(|yes| word.eq_ignore_ascii_case(yes))
}

fn wait(text: Option<&str>) -> Result<Duration> {
    let Some(text) = text else {
        return Ok(DEFAULT_WAIT);
    };
    let millis = text.parse().map_err(|_| {
        let message =
            format!("`{ATELIER_HUB_WAIT_MS}` is `{text}`, expected a number of milliseconds");
        failed(ErrorCode::InvalidInput, message)
    })?;
    Ok(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(pairs: &[(&str, &str)]) -> Result<HubSettings> {
        HubSettings::resolve(|name| {
            let pair = pairs.iter().find(|(key, _)| *key == name);
            pair.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn the_cache_lies_where_the_first_of_the_variables_says() {
        let all = [
            (HF_HUB_CACHE, "/c"),
            (HF_HOME, "/h"),
            (XDG_CACHE_HOME, "/x"),
            (HOME, "/u"),
        ];
        let expected = [
            "/c",
            "/h/hub",
            "/x/huggingface/hub",
            "/u/.cache/huggingface/hub",
        ];
        for (index, cache) in expected.into_iter().enumerate() {
            let settings = resolve(&all[index..]).unwrap();
            assert_eq!(settings.cache, PathBuf::from(cache));
        }
        let error = resolve(&[]).unwrap_err().to_string();
        assert!(error.contains("set `HF_HOME`"), "{error}");
    }

    #[test]
    fn a_tilde_in_front_is_the_users_folder() {
        for (variable, value, cache) in [
            (HF_HUB_CACHE, "~/c", "/u/c"),
            (HF_HOME, "~/h", "/u/h/hub"),
            (HF_HOME, "~", "/u/hub"),
            (XDG_CACHE_HOME, "~/x", "/u/x/huggingface/hub"),
            (HF_HOME, "/a/~/h", "/a/~/h/hub"),
            (HF_HOME, "/~h", "/~h/hub"),
        ] {
            let settings = resolve(&[(variable, value), (HOME, "/u")]).unwrap();
            assert_eq!(settings.cache, PathBuf::from(cache), "{variable}={value}");
        }
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("secret"), "hf_file").unwrap();
        let user = folder.path().to_str().unwrap();
        let settings = resolve(&[(HF_TOKEN_PATH, "~/secret"), (HOME, user)]).unwrap();
        assert_eq!(settings.token, Some(Token("hf_file".to_owned())));
    }

    #[test]
    fn the_token_comes_from_the_variable_or_a_file_and_is_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        let other = folder.path().join("other");
        fs_err::write(folder.path().join("token"), "hf_home\n").unwrap();
        fs_err::write(&other, "hf_other").unwrap();
        let all = [
            (HF_TOKEN, "hf_own"),
            (HF_TOKEN_PATH, other.to_str().unwrap()),
            (HF_HOME, home),
        ];
        for (index, expected) in ["hf_own", "hf_other", "hf_home"].into_iter().enumerate() {
            let settings = resolve(&all[index..]).unwrap();
            let header = settings.token.as_ref().unwrap().header();
            assert_eq!(header, format!("Bearer {expected}"));
            assert!(!format!("{settings:?}").contains(expected));
        }
        let error = resolve(&[(HF_HOME, home), (HF_TOKEN, "a\nb")]).unwrap_err();
        assert!(!error.to_string().contains("a\nb"), "{error}");
    }

    #[test]
    fn an_endpoint_is_an_address_without_a_user() {
        let at = |endpoint| resolve(&[(HF_HOME, "/h"), (HF_ENDPOINT, endpoint)]);
        assert_eq!(
            at("http://[::1]:80/m/").unwrap().endpoint,
            "http://[::1]:80/m"
        );
        for bad in [
            "example.org",
            "ftp://a",
            "https://u:p@a",
            "https://a?b",
            "x y",
        ] {
            let error = at(bad).unwrap_err().to_string();
            assert!(error.contains("`HF_ENDPOINT`"), "{bad}: {error}");
            assert!(!error.contains("u:p"), "{error}");
        }
    }

    #[test]
    fn offline_is_said_with_the_words_of_the_hub() {
        for (word, offline) in [("1", true), ("Yes", true), ("0", false), ("no", false)] {
            let settings = resolve(&[(HF_HOME, "/h"), (HF_HUB_OFFLINE, word)]).unwrap();
            assert_eq!(settings.offline, offline, "{word}");
        }
    }
}
