//! Where a request comes from. What a proxy says of that is believed only where the owner said that there is one, since
//! everybody can write the same headers.

use std::net::IpAddr;

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
    Some(last.and_then(|last| last.parse().ok()).unwrap_or(peer))
}

/// Whether the browser speaks HTTPS, with a proxy or as the owner says.
pub fn is_https(headers: &HeaderMap, access: &Access) -> bool {
    let is_said = || last_of(headers, "x-forwarded-proto") == Some("https");
    access.has_secure_cookies || (access.is_behind_proxy && is_said())
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
}
