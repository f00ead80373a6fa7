//! How answers are packed on their way.

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::ACCEPT_ENCODING;

/// Leaves of the codings that a client takes the one that there is. With `identity;q=0` an answer would become a refusal after its
/// request was carried out.
pub fn known_coding(mut request: Request) -> Request {
    let headers = request.headers_mut();
    let texts = headers.get_all(ACCEPT_ENCODING).into_iter();
    let texts = texts.filter_map(|value| value.to_str().ok());
    let takes_gzip = takes_gzip(&texts.collect::<Vec<_>>().join(","));
    headers.remove(ACCEPT_ENCODING);
    if takes_gzip {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
    request
}

/// Whether codings such as `br, gzip;q=0.5` have it. What is said of it counts more than what is said of all.
fn takes_gzip(codings: &str) -> bool {
    let of = |names: &[&str]| {
        let mut words = codings.split(',');
        words.find_map(|word| {
            let mut parts = word.split(';').map(str::trim);
            let name = parts.next()?.to_ascii_lowercase();
            let weight = parts.find_map(|part| part.strip_prefix("q="));
            let is_refused = weight.is_some_and(|it| it.parse::<f32>().is_ok_and(|q| q <= 0.0));
            names.contains(&name.as_str()).then_some(!is_refused)
        })
    };
    of(&["gzip", "x-gzip"])
        .or_else(|| of(&["*"]))
        .unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_where_it_is_named_with_a_weight() {
        for codings in ["gzip", " GZIP ", "br, gzip;q=0.1", "*", "*;q=0, gzip; q=1"] {
            assert!(takes_gzip(codings), "{codings}");
        }
        for codings in [
            "",
            "br",
            "gzip;q=0",
            "*, gzip; q=0.000",
            "identity;q=0",
            "*;q=0",
        ] {
            assert!(!takes_gzip(codings), "{codings}");
        }
    }
}
