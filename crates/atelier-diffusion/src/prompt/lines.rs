//! A file of prompts, one per line.

use std::path::Path;

use atelier_core::{PromptSyntax, Seed};

use super::error::{PromptError, Result};
use super::{Prompt, expand, refuse_long};

/// A prompt of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptLine {
    /// Its line, counted from 1.
    pub line: usize,
    /// The prompt as it stands there, choices in braces included.
    pub text: String,
}

/// Reads a file of prompts: one per line, without blank lines and lines that start with `#`.
///
/// Every line is checked, so that a bad one shows before the first picture is drawn; all of them are reported together.
pub fn read_prompt_file(path: &Path, syntax: PromptSyntax) -> Result<Vec<PromptLine>> {
    from_bytes(&fs_err::read(path)?, path, syntax)
}

fn from_bytes(bytes: &[u8], path: &Path, syntax: PromptSyntax) -> Result<Vec<PromptLine>> {
    let text = std::str::from_utf8(bytes).map_err(|error| PromptError::NotUtf8 {
        path: path.to_owned(),
        line: bytes[..error.valid_up_to()]
            .split(|&byte| byte == b'\n')
            .count(),
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text
        .lines()
        .zip(1..)
        .map(|(text, line)| (text.trim(), line));
    let lines: Vec<PromptLine> = lines
        .filter(|(text, _)| !text.is_empty() && !text.starts_with('#'))
        .map(|(text, line)| PromptLine {
            line,
            text: text.to_owned(),
        })
        .collect();
    let path = path.to_owned();
    if lines.is_empty() {
        return Err(PromptError::NoPrompts { path });
    }
    let bad = lines
        .iter()
        .filter_map(|line| Some((line.line, check(&line.text, syntax).err()?)));
    let bad: Vec<_> = bad.collect();
    if bad.is_empty() {
        Ok(lines)
    } else {
        Err(PromptError::BadLines { path, lines: bad })
    }
}

fn check(text: &str, syntax: PromptSyntax) -> Result<()> {
    // Choices included, since the line is copied for each of its pictures.
    refuse_long(text)?;
    if syntax == PromptSyntax::Weighted {
        Prompt::read(&expand(text, Seed(0))?, syntax)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<PromptLine>> {
        from_bytes(bytes, Path::new("prompts.txt"), PromptSyntax::Weighted)
    }

    #[test]
    fn prompts_keep_their_line_numbers_whatever_wrote_the_file() {
        let lines =
            read("\u{feff}# heads\r\n\r\n  a {red|blue} cat \r\n\t# no\n\\# tag\nlast".as_bytes())
                .unwrap();
        let found: Vec<_> = lines.iter().map(|l| (l.line, l.text.as_str())).collect();
        assert_eq!(
            found,
            [(3, "a {red|blue} cat"), (5, "\\# tag"), (6, "last")]
        );
    }

    #[test]
    fn bad_lines_are_reported_together_with_numbers() {
        let message = read(b"good\n[a|b]\n\n(a:1..2)\n").unwrap_err().to_string();
        assert!(
            message.starts_with("line 2: `[a|b]` alternates"),
            "{message}"
        );
        assert!(
            message.contains("; line 4: `1..2` is not a number"),
            "{message}"
        );
        assert!(message.ends_with(": prompts.txt"), "{message}");
        let message = read(&b"{a|b\n".repeat(9)).unwrap_err().to_string();
        assert!(message.contains("; and 4 more bad lines"), "{message}");
    }

    #[test]
    fn plain_files_may_hold_anything() {
        let lines = from_bytes(b"[a|b]\n{a|b", Path::new("p"), PromptSyntax::Plain).unwrap();
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn a_line_without_end_is_refused_by_its_number() {
        let text = format!("good\n{}\n", "word ".repeat(20_000));
        for syntax in [PromptSyntax::Weighted, PromptSyntax::Plain] {
            let error = from_bytes(text.as_bytes(), Path::new("p"), syntax).unwrap_err();
            let message = error.to_string();
            assert!(
                message.starts_with("line 2: the prompt is 99999 bytes long, at most 65536"),
                "{message}"
            );
        }
    }

    #[test]
    fn files_that_hold_no_prompt_say_why() {
        assert!(
            read(b"ok\nbad \xff\n")
                .unwrap_err()
                .to_string()
                .starts_with("line 2 of the prompts is not UTF-8")
        );
        assert!(
            read(b"\xff\xfea\0")
                .unwrap_err()
                .to_string()
                .contains("save the file as UTF-8")
        );
        assert!(
            read(b"# x\n\n")
                .unwrap_err()
                .to_string()
                .contains("no prompt in the file")
        );
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            read_prompt_file(folder.path(), PromptSyntax::Plain),
            Err(PromptError::Read(_))
        ));
    }
}
