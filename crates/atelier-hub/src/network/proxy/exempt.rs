//! `NO_PROXY`: hosts, domains and networks that are asked without a proxy, as curl reads them.

use std::net::IpAddr;

use ureq::http::Uri;

/// One word of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Exempt {
    /// `*`: every host.
    All,
    /// An address, or the first so many bits of one.
    Network(IpAddr, u32),
    /// A host and all below its domain; where a port is written, at that one.
    Domain(String, Option<u16>),
}

impl Exempt {
    /// The words between commas and white space.
    pub(crate) fn list(text: &str) -> Vec<Self> {
        let words = text.split(|c: char| c == ',' || c.is_whitespace());
        words.filter_map(Self::read).collect()
    }

    fn read(word: &str) -> Option<Self> {
        if word == "*" {
            return Some(Self::All);
        }
        if let Ok(ip) = bare(word).parse::<IpAddr>() {
            return Some(Self::Network(ip, bits_of(ip)));
        }
        if let Some((ip, bits)) = word.split_once('/') {
            return Some(Self::Network(bare(ip).parse().ok()?, bits.parse().ok()?));
        }
        let (name, port) = match word.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().ok()?)),
            None => (word, None),
        };
        let name = bare(name).trim_start_matches('*').trim_matches('.');
        (!name.is_empty()).then(|| Self::Domain(name.to_ascii_lowercase(), port))
    }

    /// Whether an address lies in it.
    pub(crate) fn covers(&self, uri: &Uri) -> bool {
        let host = bare(uri.host().unwrap_or_default()).to_ascii_lowercase();
        let host = host.trim_end_matches('.');
        match self {
            Self::All => true,
            Self::Network(network, bits) => {
                let ip = host.parse::<IpAddr>();
                ip.is_ok_and(|ip| is_within(ip, *network, *bits))
            }
            Self::Domain(name, port) => {
                let usual = if uri.scheme_str() == Some("http") {
                    80
                } else {
                    443
                };
                let is_there = port.is_none_or(|port| port == uri.port_u16().unwrap_or(usual));
                let before = host.strip_suffix(name.as_str());
                is_there && before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
            }
        }
    }
}

/// Without the brackets that an address of IPv6 has in a URL.
fn bare(host: &str) -> &str {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    inner.unwrap_or(host)
}

fn bits_of(ip: IpAddr) -> u32 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn is_within(ip: IpAddr, network: IpAddr, bits: u32) -> bool {
    let Some(free) = bits_of(network).checked_sub(bits) else {
        return false;
    };
    // A shift by all bits leaves nothing to compare.
    let differing = match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => u128::from(
            (u32::from(ip) ^ u32::from(network))
                .checked_shr(free)
                .unwrap_or(0),
        ),
        (IpAddr::V6(ip), IpAddr::V6(network)) => (u128::from(ip) ^ u128::from(network))
            .checked_shr(free)
            .unwrap_or(0),
        _ => return false,
    };
    differing == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_domains_ports_and_networks_are_covered() {
        for (word, inside, outside) in [
            ("hub", "http://HUB/x", "http://myhub"),
            (".hub.org", "http://a.hub.org.", "http://hub.org.evil"),
            ("*.hub.org", "https://hub.org", "http://ahub.org"),
            ("hub:8080", "http://hub:8080", "http://hub"),
            ("hub:443", "https://hub/", "http://hub/"),
            ("127.0.0.0/8", "http://127.9.9.9:1", "http://128.0.0.1"),
            ("10.1.2.3", "http://10.1.2.3", "http://10.1.2.33"),
            ("0.0.0.0/0", "http://9.9.9.9", "http://[::1]"),
            ("::1", "http://[::1]:80", "http://[::2]"),
            ("fe80::/10", "http://[fe80::9]", "http://[ff80::9]"),
            ("[::1]", "http://[0:0::1]", "http://127.0.0.1"),
        ] {
            let exempt = Exempt::list(word);
            assert_eq!(exempt.len(), 1, "{word}");
            assert!(
                exempt[0].covers(&inside.parse().unwrap()),
                "{word}: {inside}"
            );
            assert!(
                !exempt[0].covers(&outside.parse().unwrap()),
                "{word}: {outside}"
            );
        }
    }

    #[test]
    fn a_star_is_every_host_and_words_that_mean_nothing_are_passed_over() {
        let all = Exempt::list("a, *");
        assert!(all[1].covers(&"http://anything".parse().unwrap()));
        assert_eq!(Exempt::list(" ,, . , *., 1.2.3.4/x, a:b, 1.2.3/8"), []);
        let wide = &Exempt::list("1.2.3.4/99")[0];
        assert!(!wide.covers(&"http://1.2.3.4".parse().unwrap()));
    }
}
