//! Running other programs: errors name the command line, exit statuses are passed on.

use std::ffi::OsStr;
use std::fmt;
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result};

/// A program ended with a status other than 0.
#[derive(Debug)]
struct Failed {
    line: String,
    status: ExitStatus,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` failed, {}", self.line, self.status)
    }
}

impl std::error::Error for Failed {}

/// A command for `program`.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// The exit status that an error stands for: the one of the program that failed, else 1.
pub(crate) fn exit_status(error: &anyhow::Error) -> u8 {
    error
        .downcast_ref::<Failed>()
        .and_then(|failed| failed.status.code())
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1)
}

/// Runs a command that shares this terminal.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line_of(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{line}`"))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failed { line, status }.into())
    }
}

/// Runs a command and returns what it wrote to stdout.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = line_of(command);
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{line}`"))?;
    if output.status.success() {
        String::from_utf8(output.stdout).with_context(|| format!("`{line}` did not write UTF-8"))
    } else {
        let status = output.status;
        Err(Failed { line, status }.into())
    }
}

/// Becomes the command, so that Ctrl-C and the exit status are the command's own.
#[cfg(unix)]
pub(crate) fn replace(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt as _;
    let error = command.exec();
    Err(error).with_context(|| format!("cannot start `{}`", line_of(command)))
}

/// Runs the command; this system cannot replace a process.
#[cfg(not(unix))]
pub(crate) fn replace(command: &mut Command) -> Result<()> {
    run(command)
}

fn line_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_passes_its_status_on() {
        let error = run(command("sh").args(["-c", "exit 101"])).unwrap_err();
        assert_eq!(exit_status(&error), 101);
        assert!(error.to_string().starts_with("`sh -c exit 101` failed"));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut command("no-such-program-here")).unwrap_err();
        assert!(error.to_string().contains("no-such-program-here"));
        assert_eq!(exit_status(&error), 1);
    }

    #[test]
    fn output_is_returned() {
        assert_eq!(
            output(command("sh").args(["-c", "echo yes"])).unwrap(),
            "yes\n"
        );
    }
}
