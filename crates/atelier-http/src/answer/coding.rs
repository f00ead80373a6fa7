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
    let takes_gzip = texts.flat_map(|text| text.split(',')).any(is_gzip);
    headers.remove(ACCEPT_ENCODING);
    if takes_gzip {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
    request
}

/// Whether a word such as `gzip;q=0.5` takes it.
fn is_gzip(word: &str) -> bool {
    let mut parts = word.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q="));
    let is_refused = weight.is_some_and(|weight| weight.parse::<f32>().is_ok_and(|q| q <= 0.0));
    matches!(name.to_ascii_lowercase().as_str(), "gzip" | "x-gzip" | "*") && !is_refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_where_it_is_named_with_a_weight() {
        for word in ["gzip", " GZIP ", "gzip;q=0.1", "*", "gzip; q=1"] {
            assert!(is_gzip(word), "{word}");
        }
        for word in [
            "",
            "br",
            "gzip;q=0",
            "gzip; q=0.000",
            "identity;q=0",
            "*;q=0",
        ] {
            assert!(!is_gzip(word), "{word}");
        }
    }
}
