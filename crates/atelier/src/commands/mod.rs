//! The commands: one file each, with its flags and what it does.

mod base_model;
mod base_show;
mod bench;
mod database;
mod dataset;
mod doctor;
mod generate;
mod job;
mod library_models;
mod model;
mod numbers;
mod quickstart;
mod run;
mod secret_line;
mod serve;
mod token;
mod train;
mod user;
mod worker;

use std::ffi::OsString;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::Result;
use atelier_app::context::{App, ExitKind};
use atelier_app::output::json_failure;
use atelier_core::{ErrorCode, Seed};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub(crate) use generate::drawing_problems;
pub(crate) use quickstart::QuickstartArgs;

/// A private studio for custom image models: train a LoRA on your pictures, draw with it.
#[derive(Debug, Parser)]
#[command(
    name = "atelier",
    version,
    propagate_version = true,
    args_override_self = true
)]
pub(crate) struct Cli {
    /// Print exactly one JSON document on stdout.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Threads that compute [default: one for each processor that this process may use].
    #[arg(long, global = true, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train on the sample pictures, draw with the result, and show it in a report.
    Quickstart(quickstart::QuickstartArgs),
    /// Train an adapter on a folder of pictures.
    Train(Box<train::TrainArgs>),
    /// Draw pictures.
    Generate(Box<generate::GenerateArgs>),
    /// Draw a model over epochs and strengths, as one picture with labels.
    Grid(Box<generate::GridArgs>),
    /// Datasets: the library's pictures, with captions, crops and versions.
    #[command(subcommand)]
    Dataset(dataset::DatasetCommand),
    /// Base models.
    #[command(subcommand)]
    Base(base_model::BaseCommand),
    /// Runs: the trainings of the library's datasets.
    #[command(subcommand)]
    Run(run::RunCommand),
    /// Fine-tuned models of the library, and adapter files: what they hold, other formats, several into one, into a base.
    #[command(subcommand)]
    Model(model::ModelCommand),
    /// The library as a whole: check it, copy it, empty its trash.
    #[command(subcommand)]
    Db(database::DatabaseCommand),
    /// Jobs: what `atelier serve` was asked to do, and how far it is.
    #[command(subcommand)]
    Job(job::JobCommand),
    /// Do one attempt at a job; `atelier serve` starts it.
    #[command(hide = true)]
    Worker(worker::WorkerArgs),
    /// Show the studio in a browser: on this machine, or with accounts to others.
    Serve(serve::ServeArgs),
    /// Accounts: who may use the studio from elsewhere.
    #[command(subcommand)]
    User(user::UserCommand),
    /// Tokens, by which programs are recognised.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Show what this machine offers, and where things lie.
    Doctor,
    /// Time the work of training and drawing, for comparison with other programs.
    #[command(subcommand, hide = true)]
    Bench(bench::BenchCommand),
}

impl Command {
    /// Whether what people wait for comes first.
    pub(crate) fn gives_way(&self) -> bool {
        matches!(self, Self::Worker(_))
    }

    /// Whether it waits for others for as long as it lasts, and computes little itself.
    pub(crate) fn is_server(&self) -> bool {
        matches!(self, Self::Serve(_))
    }

    /// Does it.
    pub(crate) fn run(&self, app: &App) -> Result<ExitKind> {
        match self {
            Self::Quickstart(args) => crate::quickstart::run(args, app),
            Self::Train(args) => train::run(args, app),
            Self::Generate(args) => generate::run(args, app),
            Self::Grid(args) => generate::grid(args, app),
            Self::Dataset(command) => dataset::run(command, app),
            Self::Base(command) => base_model::run(command, app),
            Self::Run(command) => run::run(command, app),
            Self::Model(command) => model::run(command, app),
            Self::Db(command) => database::run(command, app),
            Self::Job(command) => job::run(command, app),
            Self::Worker(args) => worker::run(args, app),
            Self::Serve(args) => serve::run(args, app),
            Self::User(command) => user::run(command, app),
            Self::Token(command) => token::run(command, app),
            Self::Doctor => doctor::run(app),
            Self::Bench(command) => bench::run(command, app),
        }
    }
}

/// Reads a command line; the first word is the program.
pub(crate) fn parse(
    words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Result<Cli, clap::Error> {
    let mut command = numbers::with_signs(Cli::command());
    let matches = command.try_get_matches_from_mut(words)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Prints what is wrong with the flags, or the help that was asked for.
pub(crate) fn report_usage(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os().any(|word| word == "--json");
    if error.use_stderr() && wants_json {
        let text = error.render().to_string();
        let text = text.trim().trim_start_matches("error: ");
        json_failure(ErrorCode::InvalidInput, text);
    } else {
        let _ = error.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// A seed as a flag takes it. A negative number is read as `PyTorch`'s `manual_seed` reads it: as the bits of its two's
/// complement, so that -1 is 2^64 - 1.
fn seed(text: &str) -> Result<Seed, String> {
    let unsigned = text.parse::<u64>().ok();
    let signed = || text.parse::<i64>().ok().map(i64::cast_unsigned);
    unsigned
        .or_else(signed)
        .map(Seed)
        .ok_or_else(|| format!("a seed is a whole number from {} to {}", i64::MIN, u64::MAX))
}

/// A flag that takes one of a few words, which help and errors list.
fn choice<T>(names: impl IntoIterator<Item = &'static str>) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(names).try_map(|word| word.parse::<T>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_take_the_whole_range_of_both_signs() {
        assert_eq!(seed("0"), Ok(Seed(0)));
        assert_eq!(seed("18446744073709551615"), Ok(Seed(u64::MAX)));
        assert_eq!(seed("-1"), Ok(Seed(u64::MAX)));
        assert_eq!(seed("-9223372036854775808"), Ok(Seed(1 << 63)));
        for bad in ["18446744073709551616", "-9223372036854775809", "1.5", ""] {
            assert!(seed(bad).unwrap_err().contains("whole number"), "{bad}");
        }
    }
}
