//! Whether a client has what it asks for already.

use axum::http::{HeaderMap, header};

/// Whether one of the tags that a request names in `If-None-Match` is this, or it takes any. They are compared weakly, as
/// RFC 9110 has it in 13.1.2: a proxy that packs answers marks their tags as weak.
pub fn is_known(asked: &HeaderMap, etag: &str) -> bool {
    let lines = asked.get_all(header::IF_NONE_MATCH).iter();
    let mut lines = lines.filter_map(|line| line.to_str().ok());
    lines.any(|line| line.trim() == "*" || names(line, etag))
}

/// Whether a list of tags has this. It ends with the first that is none.
fn names(list: &str, etag: &str) -> bool {
    let mut rest = list;
    loop {
        rest = strong(rest.trim_start_matches([' ', '\t', ',']));
        let tag = rest.strip_prefix('"').and_then(|tag| tag.split_once('"'));
        let Some((content, others)) = tag else {
            return false;
        };
        if strong(etag).trim_matches('"') == content {
            return true;
        }
        rest = others;
    }
}

fn strong(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly_in_lists_and_any_is_one() {
        let asks = |lines: &[&str]| {
            let mut asked = HeaderMap::new();
            for line in lines {
                asked.append(header::IF_NONE_MATCH, line.parse().unwrap());
            }
            is_known(&asked, "\"ab\"")
        };
        for known in [
            "\"ab\"",
            "W/\"ab\"",
            "\"x\", \"ab\"",
            "\"x\",W/\"ab\",\"y\"",
            "\"a,b\" , \"ab\"",
            " * ",
        ] {
            assert!(asks(&[known]), "{known}");
        }
        assert!(asks(&["\"x\"", "\"ab\""]));
        for other in [
            "\"x\"",
            "ab",
            "\"ab",
            "w/\"ab\"",
            "\"x\" ab",
            "\"a\", \"b\"",
            "",
        ] {
            assert!(!asks(&[other]), "{other}");
        }
        assert!(!asks(&[]));
    }
}
