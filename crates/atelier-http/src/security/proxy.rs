//! Where a request comes from. What a proxy says of that is believed only where the owner said that there is one, since
//! everybody can write the same headers.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::Request;
use axum::http::HeaderMap;

use super::Access;

/// Who is at the other end of the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Where a request comes from; nothing where no socket brought it.
pub fn client_address(request: &Request, access: &Access) -> Option<IpAddr> {
    let Peer(peer) = *request.extensions().get()?;
    if !access.is_behind_proxy {
        return Some(peer);
    }
    // The last one is what the proxy itself saw; those before it are what the client claims.
    let last = last_of(request.headers(), "x-forwarded-for");
    Some(last.and_then(address_of).unwrap_or(peer))
}

/// Whether the browser speaks HTTPS, with a proxy or as the owner says.
pub fn is_https(headers: &HeaderMap, access: &Access) -> bool {
    let is_said = || last_of(headers, "x-forwarded-proto") == Some("https");
    access.has_secure_cookies || (access.is_behind_proxy && is_said())
}

/// The address in an entry of `X-Forwarded-For`, which some proxies write with its port or in brackets.
fn address_of(entry: &str) -> Option<IpAddr> {
    let with_port = || Some(entry.parse::<SocketAddr>().ok()?.ip());
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let plain = entry.parse().ok();
    plain.or_else(with_port).or_else(bracketed)
}

/// All that is one customer's, who has a whole network of the newer addresses.
pub fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// All that is behind one line, which often has 256 such networks.
pub(super) fn household(address: IpAddr) -> IpAddr {
    match neighbourhood(address) {
        IpAddr::V6(network) => {
            let [a, b, c, d, ..] = network.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d & 0xff00, 0, 0, 0, 0))
        }
        address @ IpAddr::V4(_) => address,
    }
}

fn last_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    value.rsplit(',').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(lines: &[(&str, &str)]) -> Request {
        let mut request = Request::builder();
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let peer = Peer([10, 0, 0, 1].into());
        let request = request.extension(peer).body(axum::body::Body::empty());
        request.unwrap()
    }

    #[test]
    fn a_proxy_is_believed_where_there_is_one() {
        let alone = Access::default();
        let behind = Access {
            is_behind_proxy: true,
            ..Access::default()
        };
        let lines = [
            ("x-forwarded-for", "1.1.1.1, 192.0.2.7"),
            ("x-forwarded-proto", "https"),
        ];
        let asked = request(&lines);
        let of = |access| client_address(&asked, access).unwrap().to_string();
        assert_eq!(
            (of(&alone), of(&behind)),
            ("10.0.0.1".to_owned(), "192.0.2.7".to_owned())
        );
        assert!(is_https(asked.headers(), &behind) && !is_https(asked.headers(), &alone));
        for lines in [&[][..], &[("x-forwarded-for", "unknown")]] {
            let asked = request(lines);
            assert_eq!(client_address(&asked, &behind), Some([10, 0, 0, 1].into()));
            assert!(!is_https(asked.headers(), &behind));
        }
        let secure = Access {
            has_secure_cookies: true,
            ..Access::default()
        };
        assert!(is_https(request(&[]).headers(), &secure));
    }

    #[test]
    fn an_address_is_read_with_its_port_and_in_brackets() {
        let behind = Access {
            is_behind_proxy: true,
            ..Access::default()
        };
        for (said, expected) in [
            ("192.0.2.7:4711", "192.0.2.7"),
            ("1.1.1.1, 192.0.2.7:4711", "192.0.2.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            // The proxy's own, where it says nothing that is an address.
            ("[192.0.2.7", "10.0.0.1"),
            ("192.0.2.7:", "10.0.0.1"),
            ("192.0.2.7:99999", "10.0.0.1"),
        ] {
            let asked = request(&[("x-forwarded-for", said)]);
            let address = client_address(&asked, &behind).unwrap();
            assert_eq!(address.to_string(), expected, "{said}");
        }
    }

    #[test]
    fn a_network_of_one_customer_is_one_address() {
        let of = |text: &str| neighbourhood(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::2"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), IpAddr::from([10, 0, 0, 1]));
    }
}
