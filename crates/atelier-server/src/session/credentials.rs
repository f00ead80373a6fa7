//! By what a request says who asks.

use atelier_accounts::Secret;
use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The cookie of sessions.
const COOKIE: &str = "atelier_session";
/// As long as a session lasts at most without being used: 30 days, in seconds.
const LASTS_SECS: u32 = 30 * 24 * 60 * 60;
/// Longer texts are no secrets of ours.
const MOST_BYTES: usize = 200;

/// What a request shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    /// Nothing.
    Nothing,
    /// A token; it may be none of ours.
    Token(Secret),
    /// The cookie of a session, which may have ended.
    Session(Secret),
}

impl Shown {
    /// A token stands before a cookie, which browsers send by themselves.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let token = value.to_str().ok().and_then(token);
            // What is no token of ours is refused like one that is unknown.
            return Self::Token(Secret::shown(&token.unwrap_or_default()));
        }
        cookie(headers).map_or(Self::Nothing, |secret| Self::Session(Secret::shown(secret)))
    }
}

/// The token of a header: itself, or in place of a password for programs that know nothing else, whatever the name before it.
fn token(value: &str) -> Option<String> {
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    if rest.len() > MOST_BYTES {
        return None;
    }
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.to_owned());
    }
    let is_basic = scheme.eq_ignore_ascii_case("basic");
    let pair = BASE64.decode(rest).ok().filter(|_| is_basic)?;
    let pair = String::from_utf8(pair).ok()?;
    Some(pair.split_once(':')?.1.to_owned())
}

/// The first cookie of our name. Several are of other paths or hosts, which we never set.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let mut pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let found = pairs.find(|(name, _)| *name == COOKIE)?.1;
    (!found.is_empty() && found.len() <= MOST_BYTES).then_some(found)
}

/// Has the browser show the secret from now on, and no page read it.
pub(super) fn set_cookie(secret: &Secret, is_secure: bool) -> Option<HeaderValue> {
    cookie_of(secret.as_str(), LASTS_SECS, is_secure)
}

/// Has the browser forget it.
pub(super) fn forget_cookie(is_secure: bool) -> Option<HeaderValue> {
    cookie_of("", 0, is_secure)
}

fn cookie_of(value: &str, secs: u32, is_secure: bool) -> Option<HeaderValue> {
    let secure = if is_secure { "; Secure" } else { "" };
    let cookie =
        format!("{COOKIE}={value}; Path=/; Max-Age={secs}; HttpOnly; SameSite=Strict{secure}");
    let mut cookie = HeaderValue::from_str(&cookie).ok()?;
    cookie.set_sensitive(true);
    Some(cookie)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(lines: &[(&'static str, &str)]) -> Shown {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        Shown::of(&headers)
    }

    #[test]
    fn a_token_stands_before_a_cookie() {
        let (token, session) = (Secret::shown("atl_1"), Secret::shown("2"));
        let cookie = ("cookie", "a=b; atelier_session=2; atelier_session=3");
        assert_eq!(shown(&[]), Shown::Nothing);
        assert_eq!(shown(&[cookie]), Shown::Session(session.clone()));
        assert_eq!(
            shown(&[("cookie", "x=1"), ("cookie", "atelier_session=2")]),
            Shown::Session(session)
        );
        // The last is `me:atl_1`.
        for line in ["Bearer atl_1", "bearer  atl_1 ", "Basic bWU6YXRsXzE="] {
            let line = ("authorization", line);
            assert_eq!(shown(&[line, cookie]), Shown::Token(token.clone()));
        }
    }

    #[test]
    fn what_is_no_secret_of_ours_is_an_unknown_one() {
        let unknown = Shown::Token(Secret::shown(""));
        let long = format!("Bearer {}", "x".repeat(300));
        for line in ["Bearer", "Basic YQ==", "Basic !", "", &long] {
            assert_eq!(shown(&[("authorization", line)]), unknown, "{line}");
        }
        let long = format!("atelier_session={}", "x".repeat(300));
        for line in ["atelier_session=", "atelier_sessions=1", "=", &long] {
            assert_eq!(shown(&[("cookie", line)]), Shown::Nothing, "{line}");
        }
    }

    #[test]
    fn no_page_reads_the_cookie_and_no_other_site_has_it_sent() {
        let cookie = set_cookie(&Secret::shown("1"), false).unwrap();
        let cookie = cookie.to_str().unwrap();
        let expected = "atelier_session=1; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict";
        assert_eq!(cookie, expected);
        let forgotten = forget_cookie(true).unwrap();
        let forgotten = forgotten.to_str().unwrap();
        assert!(forgotten.contains("=; ") && forgotten.ends_with("; Secure"));
    }
}
