//! Failures on their way to the user: each keeps the code that decides exit status and hint.

mod shell_word;

use std::error::Error as StdError;
use std::fmt;

use atelier_core::{BoxedError, Coded, ErrorCode};

pub use shell_word::shell_word;

/// An error of any crate with its code, as `anyhow` can carry it.
#[derive(Debug)]
pub struct Failure(BoxedError);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

/// A failure that the program itself found.
#[derive(Debug)]
struct Found {
    code: ErrorCode,
    message: String,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Found {}

impl Coded for Found {
    fn code(&self) -> ErrorCode {
        self.code
    }
}

/// The command was asked to stop before it had what it needs. No failure, but nothing to go on with either.
#[derive(Debug)]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "stopped; the same command goes on from here, or begins anew where nothing was kept",
        )
    }
}

impl StdError for Cancelled {}

/// Whether an error says that the command was asked to stop.
pub fn is_cancelled(error: &anyhow::Error) -> bool {
    error.chain().any(<dyn StdError>::is::<Cancelled>)
}

/// A failure with a code and a message.
pub fn failed(code: ErrorCode, message: impl Into<String>) -> anyhow::Error {
    let message = message.into();
    Failure(Box::new(Found { code, message })).into()
}

/// Keeps the code of a library's error through `?`.
pub trait CodedResult<T> {
    /// The same result, with an error that `anyhow` carries and [`code_of`] finds.
    fn coded(self) -> anyhow::Result<T>;
}

impl<T, E: Into<BoxedError>> CodedResult<T> for Result<T, E> {
    fn coded(self) -> anyhow::Result<T> {
        self.map_err(|error| Failure(error.into()).into())
    }
}

/// The error as those who know no `anyhow` take it: its code, and every message of the chain.
pub fn boxed(error: &anyhow::Error) -> BoxedError {
    Box::new(Found {
        code: code_of(error),
        message: messages(error).join(": "),
    })
}

/// The code of the first error in the chain that has one.
pub fn code_of(error: &anyhow::Error) -> ErrorCode {
    error
        .chain()
        .find_map(code_of_one)
        .unwrap_or(ErrorCode::Internal)
}

fn code_of_one(error: &(dyn StdError + 'static)) -> Option<ErrorCode> {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return Some(failure.0.code());
    }
    error
        .downcast_ref::<std::io::Error>()
        .map(|_| ErrorCode::Io)
}

/// The message, then every cause that says something new.
pub fn messages(error: &anyhow::Error) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        if !messages.iter().any(|message| message.contains(&cause)) {
            messages.push(cause);
        }
    }
    messages
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn the_code_survives_context() {
        let error = failed(ErrorCode::NotFound, "no base `x`").context("cannot train");
        assert_eq!(code_of(&error), ErrorCode::NotFound);
        assert_eq!(messages(&error), ["cannot train", "no base `x`"]);
    }

    #[test]
    fn a_cause_that_the_message_repeats_is_said_once() {
        let io = std::io::Error::other("disk full");
        let error: anyhow::Error = Err::<(), _>(io)
            .context("cannot write `a`: disk full")
            .unwrap_err();
        assert_eq!(messages(&error), ["cannot write `a`: disk full"]);
        assert_eq!(code_of(&error), ErrorCode::Io);
    }

    #[test]
    fn a_request_to_stop_is_told_from_failures_through_context() {
        assert!(is_cancelled(&anyhow::Error::from(Cancelled)));
        let wrapped = anyhow::Error::from(Cancelled).context("a").context("b");
        assert!(is_cancelled(&wrapped));
        assert!(!is_cancelled(&failed(ErrorCode::Io, "stopped")));
    }

    #[test]
    fn an_error_without_a_code_is_a_defect() {
        assert_eq!(code_of(&anyhow::anyhow!("?")), ErrorCode::Internal);
    }
}
