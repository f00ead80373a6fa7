//! Development tasks, run as `cargo xtask <task>`. Kept free of the tensor library, so that it compiles in seconds.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task speaks to the person at the terminal"
)]

mod bench;
mod check;
mod clients;
mod generated;
mod golden;
mod graphics;
mod machine;
mod parity;
mod process;
mod tidy;
mod walk;
mod web;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Development tasks of the studio.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the program in release mode and run `atelier quickstart`.
    Quickstart {
        /// Passed on to `atelier quickstart`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Run every test of the workspace, documentation examples included.
    Test {
        /// Run those on a graphics processor instead, which need a build of their own.
        #[arg(long)]
        graphics: bool,
    },
    /// Format check, lints, tidy, generated pages, tests; the cheapest first, stops at the first failure.
    Check,
    /// Check the rules of the house that the compiler does not know.
    Tidy,
    /// Write the generated reference pages.
    Gen {
        /// Write nothing, fail when a page is stale.
        #[arg(long)]
        check: bool,
    },
    /// Check the web pages and build them into `web/dist`; needs Node.
    Web,
    /// Go the whole way with clients of other houses (Leonardo.Ai, AUTOMATIC1111); needs Node, Python and their registries.
    Clients(clients::Clients),
    /// Go through the pages in a real Chromium; needs Node, its registry and the browser.
    Walk(walk::Walk),
    /// Make the reference tensors anew with the Python scripts in `golden/`.
    Golden {
        /// Names of scripts, without `.py`; all when absent.
        scripts: Vec<String>,
    },
    /// Gather the errors against the references from the tests into docs/reference/parity.md.
    Parity(parity::Parity),
    /// Train the embedded base model.
    Pretrain {
        /// Passed on to the pre-training program.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Time the program against PyTorch, in alternation, on the same machine.
    Bench(Box<bench::Bench>),
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(process::exit_status(&error))
        }
    }
}

fn run(task: Task) -> Result<()> {
    let workspace = Workspace::find()?;
    match task {
        Task::Quickstart { arguments } => {
            let program = workspace.build_program()?;
            let mut command = process::command(program);
            process::replace(command.arg("quickstart").args(arguments))
        }
        Task::Test { graphics: true } => graphics::test(&workspace),
        Task::Test { graphics: false } => check::test(&workspace),
        Task::Check => check::check(&workspace),
        Task::Tidy => tidy::tidy(&workspace),
        Task::Gen { check } => generated::generate(&workspace, check),
        Task::Web => web::build(&workspace),
        Task::Clients(clients) => clients.run(&workspace),
        Task::Walk(walk) => walk.run(&workspace),
        Task::Golden { scripts } => golden::golden(&workspace, &scripts),
        Task::Parity(parity) => parity.run(&workspace),
        Task::Pretrain { arguments } => {
            let mut command =
                workspace.cargo(&["run", "--release", "-p", "atelier-pretrain", "--"]);
            process::replace(command.args(arguments))
        }
        Task::Bench(bench) => bench.run(&workspace),
    }
}
