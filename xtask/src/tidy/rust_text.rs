//! Divides Rust source into code and comments, so that a rule about one does not stumble over the other or over text in
//! quotes. Knows line and block comments, strings, raw strings and character literals; nothing else of the language.

/// Source divided into its parts.
#[derive(Debug, Default)]
pub(super) struct RustText {
    /// Code with the content of comments and literals left out; line breaks are kept.
    pub(super) code: String,
    /// Lines of comments, without their slashes.
    pub(super) comments: Vec<Comment>,
}

/// One line of a comment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Comment {
    /// Counted from 1.
    pub(super) line: usize,
    /// Documentation (`///`, `//!`) rather than a remark.
    pub(super) documents: bool,
    pub(super) text: String,
}

impl RustText {
    /// Divides `source`.
    pub(super) fn of(source: &str) -> Self {
        let mut parts = Self::default();
        let mut rest = source;
        while let Some(first) = rest.chars().next() {
            let taken = match first {
                '/' if rest.starts_with("//") => {
                    parts.comment(rest, rest.find('\n').unwrap_or(rest.len()))
                }
                '/' if rest.starts_with("/*") => parts.comment(rest, block_len(rest)),
                '"' => parts.literal(rest, string_len(rest)),
                'r' if !parts.in_word() => match raw_string_len(rest) {
                    Some(len) => parts.literal(rest, len),
                    None => parts.code(rest, 1),
                },
                '\'' => match character_len(rest) {
                    Some(len) => parts.literal(rest, len),
                    None => parts.code(rest, 1),
                },
                other => parts.code(rest, other.len_utf8()),
            };
            rest = &rest[taken..];
        }
        parts
    }

    fn in_word(&self) -> bool {
        // `br"` and `cr"` are raw strings too.
        let before = self.code.chars().next_back();
        before.is_some_and(|last| {
            (last.is_alphanumeric() && !matches!(last, 'b' | 'c')) || last == '_'
        })
    }

    fn code(&mut self, rest: &str, len: usize) -> usize {
        self.code.push_str(&rest[..len]);
        len
    }

    fn literal(&mut self, rest: &str, len: usize) -> usize {
        self.code.push_str("\"\"");
        self.keep_lines(&rest[..len]);
        len
    }

    fn comment(&mut self, rest: &str, len: usize) -> usize {
        let first = self.code.matches('\n').count() + 1;
        for (index, line) in rest[..len].lines().enumerate() {
            let documents = line.starts_with("///") || line.starts_with("//!");
            let text = line
                .trim()
                .trim_start_matches(['/', '*', '!'])
                .trim()
                .to_owned();
            self.comments.push(Comment {
                line: first + index,
                documents,
                text,
            });
        }
        self.keep_lines(&rest[..len]);
        len
    }

    fn keep_lines(&mut self, text: &str) {
        self.code.extend(text.matches('\n'));
    }
}

fn block_len(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn string_len(rest: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn raw_string_len(rest: &str) -> Option<usize> {
    let hashes = rest[1..]
        .chars()
        .take_while(|&letter| letter == '#')
        .count();
    let body = rest[1 + hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let opening = 2 + hashes;
    Some(
        body.find(&end)
            .map_or(rest.len(), |at| opening + at + end.len()),
    )
}

/// `None` for a lifetime.
fn character_len(rest: &str) -> Option<usize> {
    let mut letters = rest.char_indices().skip(1);
    let (_, first) = letters.next()?;
    if first == '\\' {
        letters.next();
        return letters
            .find(|&(_, letter)| letter == '\'')
            .map(|(at, _)| at + 1);
    }
    letters
        .next()
        .filter(|&(_, letter)| letter == '\'')
        .map(|(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_leave_the_code() {
        let source =
            "let a = \"// no\"; // yes\nlet b = r#\"x\"/*y\"#; /* one\ntwo */ let c = 'x';\n";
        let parts = RustText::of(source);
        assert_eq!(
            parts.code,
            "let a = \"\"; \nlet b = \"\"; \n let c = \"\";\n"
        );
        let comments: Vec<_> = parts
            .comments
            .iter()
            .map(|comment| (comment.line, comment.text.as_str()))
            .collect();
        assert_eq!(comments, [(1, "yes"), (2, "one"), (3, "two */")]);
    }

    #[test]
    fn lifetimes_and_escapes_do_not_confuse() {
        let source = "fn a<'a>(x: &'a str) -> char { '\\'' } // end\n\"a\\\"b\" for\"#\"";
        let parts = RustText::of(source);
        assert_eq!(
            parts.code,
            "fn a<'a>(x: &'a str) -> char { \"\" } \n\"\" for\"\""
        );
        assert_eq!(parts.comments.len(), 1);
    }

    #[test]
    fn documentation_is_told_from_remarks() {
        let parts = RustText::of("//! a\n/// b\n// c\n");
        let documents: Vec<_> = parts
            .comments
            .iter()
            .map(|comment| comment.documents)
            .collect();
        assert_eq!(documents, [true, true, false]);
    }
}
