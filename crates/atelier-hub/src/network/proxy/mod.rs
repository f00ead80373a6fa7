//! The way to a host: straight, or through the proxy that the environment names, as curl reads it. A proxy that is named and
//! cannot be used stops the request, since going straight would show the token to a network that was not meant to carry it.

mod exempt;

use std::fmt;

use anyhow::Result;
use atelier_core::ErrorCode;
use atelier_failure::failed;
use ureq::Proxy;
use ureq::http::Uri;

use self::exempt::Exempt;
use crate::network::env_vars::{ALL_PROXY, HTTP_PROXY, HTTPS_PROXY, NO_PROXY};

/// What the environment says about proxies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proxies {
    http: Option<Named>,
    https: Option<Named>,
    /// The hosts that are asked without a proxy.
    exempt: Vec<Exempt>,
}

/// A proxy as a variable names it, understood only when a request would go through it.
#[derive(Clone, PartialEq, Eq)]
struct Named {
    variable: String,
    /// May hold a password, so that it is never shown.
    address: String,
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Named({}, …)", self.variable)
    }
}

/// A proxy that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Via {
    /// Who names it.
    pub(crate) variable: String,
    /// Where it is.
    pub(crate) proxy: Proxy,
}

impl Proxies {
    /// Reads the variables: that of the scheme before the one for all, small letters before capitals.
    pub(crate) fn resolve(text: impl Fn(&str) -> Option<String>) -> Self {
        let written = |name: &str| {
            let spellings = [name.to_ascii_lowercase(), name.to_owned()];
            spellings.into_iter().find_map(|variable| {
                let address = text(&variable)?.trim().to_owned();
                Some(Named { variable, address }).filter(|named| !named.address.is_empty())
            })
        };
        let of = |own: &str| written(own).or_else(|| written(ALL_PROXY));
        let exempt = written(NO_PROXY).map_or_else(Vec::new, |named| Exempt::list(&named.address));
        Self {
            http: of(HTTP_PROXY),
            https: of(HTTPS_PROXY),
            exempt,
        }
    }

    /// The proxy for an address; `None` where the way is straight.
    ///
    /// # Errors
    /// When a proxy is named for it that cannot be used.
    pub(crate) fn way_to(&self, uri: &Uri) -> Result<Option<Via>> {
        let is_https = uri.scheme_str() == Some("https");
        let named = if is_https { &self.https } else { &self.http };
        let Some(named) = named else {
            return Ok(None);
        };
        if self.exempt.iter().any(|exempt| exempt.covers(uri)) {
            return Ok(None);
        }
        named.via().map(Some)
    }
}

impl Named {
    fn via(&self) -> Result<Via> {
        // Without a scheme it is one that speaks HTTP.
        let address = if self.address.contains("://") {
            self.address.clone()
        } else {
            format!("http://{}", self.address)
        };
        let proxy = Proxy::new(&address).ok().filter(has_sound_address);
        let proxy = proxy.ok_or_else(|| {
            let message = format!(
                "the variable `{}` names no proxy that can be used, and nothing is sent past it: expected \
                 `http://HOST:PORT`, or `https`, `socks4`, `socks4a`, `socks5` or `socks5h` in place of `http`; mend it, or \
                 unset it to go without a proxy",
                self.variable
            );
            failed(ErrorCode::InvalidInput, message)
        })?;
        Ok(Via {
            variable: self.variable.clone(),
            proxy,
        })
    }
}

/// Whether there is a host, and a port where one is written: the client would take the usual one in place of a damaged one.
fn has_sound_address(proxy: &Proxy) -> bool {
    let Some(authority) = proxy.uri().authority() else {
        return false;
    };
    let place = authority.as_str();
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let port = place.strip_prefix(authority.host());
    !authority.host().is_empty()
        && (port == Some("") || authority.port_u16().is_some_and(|port| port > 0))
}

#[cfg(test)]
mod tests {
    use atelier_failure::code_of;
    use ureq::ProxyProtocol;

    use super::*;

    fn proxies(pairs: &[(&str, &str)]) -> Proxies {
        Proxies::resolve(|name| {
            let pair = pairs.iter().find(|(key, _)| *key == name);
            pair.map(|(_, value)| (*value).to_owned())
        })
    }

    /// The variable that decides the way to an address.
    fn decides(pairs: &[(&str, &str)], address: &str) -> Option<String> {
        let way = proxies(pairs).way_to(&address.parse().unwrap()).unwrap();
        way.map(|via| via.variable)
    }

    #[test]
    fn each_scheme_has_its_proxy_and_small_letters_come_first() {
        let all = [
            ("https_proxy", "http://a"),
            ("HTTPS_PROXY", "http://b"),
            ("all_proxy", "http://c"),
            ("ALL_PROXY", "http://d"),
            ("HTTP_PROXY", "http://e"),
        ];
        let expected = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
        for (index, variable) in expected.into_iter().enumerate() {
            let decided = decides(&all[index..], "https://hub/x");
            assert_eq!(decided.as_deref(), Some(variable));
            let decided = decides(&all[index..], "http://hub/x");
            assert_eq!(decided.as_deref(), Some("HTTP_PROXY"));
        }
        assert_eq!(decides(&all[4..], "https://hub/x"), None);
        assert_eq!(decides(&[("ALL_PROXY", " ")], "https://hub"), None);
    }

    #[test]
    fn hosts_that_are_excepted_are_asked_straight() {
        let pairs = [
            ("ALL_PROXY", "socks6://nonsense"),
            ("NO_PROXY", "localhost, .example.org"),
        ];
        for host in ["localhost", "hub.example.org", "example.org"] {
            assert_eq!(
                decides(&pairs, &format!("https://{host}/x")),
                None,
                "{host}"
            );
        }
        let other = "https://example.com".parse().unwrap();
        assert!(proxies(&pairs).way_to(&other).is_err());
    }

    #[test]
    fn every_kind_of_proxy_is_understood() {
        for (address, protocol, port) in [
            ("127.0.0.1:9", ProxyProtocol::Http, 9),
            ("http://u:p@[::1]:9", ProxyProtocol::Http, 9),
            ("https://proxy", ProxyProtocol::Https, 443),
            ("socks4://127.0.0.1:9", ProxyProtocol::Socks4, 9),
            ("socks5://proxy", ProxyProtocol::Socks5, 1080),
            ("socks5h://u:p@proxy:9", ProxyProtocol::Socks5h, 9),
        ] {
            let way = proxies(&[("ALL_PROXY", address)]).way_to(&"http://hub".parse().unwrap());
            let proxy = way.unwrap().unwrap().proxy;
            assert_eq!(
                (proxy.protocol(), proxy.port()),
                (protocol, port),
                "{address}"
            );
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_refused_by_its_variable_and_never_shown() {
        for address in [
            "socks6://u:secret@127.0.0.1:9",
            "http://u:secret@proxy:99999",
            "http://u:secret@proxy:0",
            "http://u:secret@:80",
            "u:secret@ proxy",
            "socks5://",
        ] {
            let proxies = proxies(&[("all_proxy", address)]);
            let error = proxies.way_to(&"https://hub".parse().unwrap()).unwrap_err();
            assert_eq!(code_of(&error), ErrorCode::InvalidInput);
            let error = error.to_string();
            assert!(error.contains("`all_proxy`"), "{address}: {error}");
            assert!(error.contains("unset it"), "{error}");
            assert!(!error.contains("secret") && !format!("{proxies:?}").contains("secret"));
        }
    }
}
