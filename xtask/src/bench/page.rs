//! Tables of measurements on their page, between marks, so that a new one takes the place of the old one.

use std::str::FromStr;

use anyhow::{Context, Result};

const END: &str = "<!-- /bench -->";

/// What a table is called on the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label(String);

/// A label is a word.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadLabel(String);

impl std::fmt::Display for BadLabel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "a label has small letters, digits, `.` and `-`, got `{}`",
            self.0
        )
    }
}

impl std::error::Error for BadLabel {}

impl FromStr for Label {
    type Err = BadLabel;

    fn from_str(text: &str) -> Result<Self, BadLabel> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        // Two hyphens would end the comment that the mark is.
        if text.is_empty() || !text.chars().all(fits) || text.contains("--") {
            return Err(BadLabel(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Where a table stands.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// The section that a new table goes to.
    pub(super) heading: &'static str,
    pub(super) kind: &'static str,
    pub(super) label: &'a Label,
}

impl Place<'_> {
    /// The page with `text` at this place: where an earlier one stands, else at the end of the section, else in a new section.
    pub(super) fn put(&self, page: &str, text: &str) -> Result<String> {
        let begin = format!("<!-- bench:{}:{} -->", self.kind, self.label.0);
        let block = format!("{begin}\n{}\n{END}", text.trim_end());
        if let Some((before, rest)) = page.split_once(&begin) {
            let end = rest.split_once(END);
            let (_, after) = end.with_context(|| format!("`{begin}` has no `{END}` after it"))?;
            return Ok(format!("{before}{block}{after}"));
        }
        let heading = format!("## {}\n", self.heading);
        let Some(start) = start_of(page, &heading) else {
            return Ok(format!("{}\n\n{heading}\n{block}\n", page.trim_end()));
        };
        let section = &page[start..];
        let length = section.find("\n## ").unwrap_or(section.len());
        let (section, after) = section.split_at(length);
        let section = format!("{}{}", &page[..start], section);
        Ok(format!("{}\n\n{block}\n{after}", section.trim_end()))
    }
}

/// Where what follows a line starts.
fn start_of(page: &str, line: &str) -> Option<usize> {
    let place = if page.starts_with(line) {
        0
    } else {
        page.find(&format!("\n{line}"))? + 1
    };
    Some(place + line.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(page: &str, label: &str, text: &str) -> Result<String> {
        let place = Place {
            heading: "Steps",
            kind: "step",
            label: &label.parse().unwrap(),
        };
        place.put(page, text)
    }

    #[test]
    fn a_table_goes_to_the_end_of_its_section_and_the_next_takes_its_place() {
        let page = "# Page\n\n## Steps\n\nWords.\n\n## Others\n\nMore.\n";
        let first = put(page, "tiny", "| 1 |\n").unwrap();
        assert_eq!(
            first,
            "# Page\n\n## Steps\n\nWords.\n\n<!-- bench:step:tiny -->\n| 1 |\n<!-- /bench -->\n\n## Others\n\nMore.\n"
        );
        let second = put(&first, "tiny", "| 2 |").unwrap();
        assert_eq!(second, first.replace("| 1 |", "| 2 |"));
        let other = put(&first, "tiny-2", "| 3 |").unwrap();
        assert!(other.contains("| 1 |\n<!-- /bench -->\n\n<!-- bench:step:tiny-2 -->\n| 3 |\n<!-- /bench -->\n\n## Others"));
    }

    #[test]
    fn a_page_without_the_section_gets_one() {
        let expected = "# Page\n\n## Steps\n\n<!-- bench:step:a -->\n| 1 |\n<!-- /bench -->\n";
        assert_eq!(put("# Page\n", "a", "| 1 |").unwrap(), expected);
        let under = put("## Steps\n", "a", "| 1 |").unwrap();
        assert_eq!(under, expected.trim_start_matches("# Page\n\n"));
    }

    #[test]
    fn a_mark_without_an_end_is_left_alone() {
        let error = put("<!-- bench:step:a -->\n| 1 |\n", "a", "| 2 |").unwrap_err();
        assert!(error.to_string().contains("<!-- /bench -->"), "{error}");
    }

    #[test]
    fn labels_are_words() {
        assert!("sd15-512.bf16".parse::<Label>().is_ok());
        for bad in ["", "a b", "A", "a--b", "a>"] {
            assert!(bad.parse::<Label>().is_err(), "{bad}");
        }
    }
}
