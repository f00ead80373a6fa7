//! What is wrong with a batch, collected so that all of it is reported at once.

use std::fmt::Display;

use anyhow::Result;
use atelier_core::ErrorCode;
use atelier_failure::{code_of, failed, messages};

/// Problems that are spelled out.
const SHOWN: usize = 8;

/// Everything that was found so far, each problem once.
#[derive(Debug, Default)]
pub(super) struct Problems {
    code: Option<ErrorCode>,
    texts: Vec<String>,
}

impl Problems {
    /// The value of a result, or nothing and one problem more.
    pub(super) fn unless<T>(&mut self, result: Result<T>) -> Option<T> {
        self.unless_at("", result)
    }

    /// As [`Self::unless`], with a word on where the problem is.
    pub(super) fn unless_at<T>(&mut self, place: impl Display, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                let text = format!("{place}{}", messages(&error).join(": "));
                self.code.get_or_insert(code_of(&error));
                if !self.texts.contains(&text) {
                    self.texts.push(text);
                }
                None
            }
        }
    }

    /// Whether nothing was found.
    pub(super) fn is_empty(&self) -> bool {
        self.code.is_none()
    }

    /// All of them, in words.
    pub(super) fn into_texts(self) -> Vec<String> {
        self.texts
    }

    /// An error that lists them all, with the code of the first.
    pub(super) fn result(self) -> Result<()> {
        let Some(code) = self.code else { return Ok(()) };
        let mut shown = self.texts.iter().take(SHOWN).cloned().collect::<Vec<_>>();
        if self.texts.len() > SHOWN {
            shown.push(format!("and {} more problems", self.texts.len() - SHOWN));
        }
        Err(failed(code, shown.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_listed_once_with_the_code_of_the_first() {
        let mut problems = Problems::default();
        assert_eq!(problems.unless(Ok(1)), Some(1));
        for number in 0..12 {
            let error = failed(
                ErrorCode::NotFound,
                format!("no adapter {}", number / 2 * 2),
            );
            problems.unless_at("line 3: ", Err::<(), _>(error));
        }
        problems.unless(Err::<(), _>(failed(ErrorCode::Io, "x")));
        let error = problems.result().unwrap_err();
        assert_eq!(code_of(&error), ErrorCode::NotFound);
        assert!(
            error
                .to_string()
                .starts_with("line 3: no adapter 0; line 3: no adapter 2; ")
        );
        assert!(error.to_string().ends_with("; x"), "{error}");
        let mut many = Problems::default();
        for number in 0..SHOWN + 2 {
            many.unless(Err::<(), _>(failed(ErrorCode::Io, number.to_string())));
        }
        let message = many.result().unwrap_err().to_string();
        assert!(message.ends_with("7; and 2 more problems"), "{message}");
        Problems::default().result().unwrap();
    }
}
