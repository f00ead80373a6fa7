//! Passwords that somebody types, or another program gives.

use std::io::{self, BufRead as _, ErrorKind, IsTerminal as _};

use anyhow::{Context as _, Result};
use atelier_core::ErrorCode;
use atelier_failure::{Cancelled, failed};

/// The first line of stdin.
pub(super) fn from_stdin() -> Result<String> {
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .context("cannot read the password")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// What somebody types twice, without it being shown.
pub(super) fn from_terminal() -> Result<String> {
    if !io::stdin().is_terminal() {
        let message =
            "there is nobody to ask for a password; give it on stdin with --password-stdin";
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    let ask = |words: &str| match rpassword::prompt_password(words) {
        // Ctrl-C comes as a letter there.
        Err(error) if error.kind() == ErrorKind::Interrupted => Err(Cancelled.into()),
        typed => typed.context("cannot read the password"),
    };
    let password = ask("Password: ")?;
    if ask("The same again: ")? == password {
        return Ok(password);
    }
    Err(failed(
        ErrorCode::InvalidInput,
        "the two passwords differ; nothing is changed",
    ))
}
