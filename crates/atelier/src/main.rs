//! The program `atelier`: its commands with their flags, and the place where the parts are put together.

mod commands;
mod planner;
mod quickstart;
mod trashed;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use atelier_app::context::{App, ExitKind};
use atelier_app::output::{Output, lost_result};
use atelier_core::ErrorCode;
use atelier_failure::Cancelled;

/// Training allocates and frees large buffers at every step, which this allocator does well.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match commands::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return commands::report_usage(&error),
    };
    if cli.command.gives_way() {
        atelier_jobs::give_way();
    }
    let output = Output::new(cli.json);
    // Without a number it is that of the processors which affinity and control groups leave to this process.
    let threads = usize::from(cli.threads.unwrap_or(0));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    if let Err(error) = pool.build_global() {
        output.failure(&anyhow::Error::new(error).context("cannot start threads"));
        return ExitCode::FAILURE;
    }
    let run = || {
        let app = App::start(output, cli.threads)?;
        cli.command.run(&app)
    };
    let guarded = || catch_unwind(AssertUnwindSafe(run));
    let result = if cli.command.is_server() {
        // A thread of the pool that waits for clients would be one too few, and where there is one, none.
        guarded()
    } else {
        // On a thread of the pool itself: from outside, every one of a step's thousand short operations would put threads to
        // sleep and wake them.
        rayon::scope(|_| guarded())
    };
    let result = result.unwrap_or_else(|_| {
        Err(atelier_failure::failed(
            ErrorCode::Internal,
            "the program stopped at a condition that it never expects",
        ))
    });
    match result {
        Ok(ExitKind::Completed) => match lost_result() {
            None => ExitCode::SUCCESS,
            Some(error) => {
                output.note(format_args!("error: {error}"));
                ExitCode::from(ErrorCode::Io.exit_status())
            }
        },
        Ok(ExitKind::Cancelled) => ExitCode::from(atelier_app::context::CANCELLED_STATUS),
        Ok(ExitKind::Status(status)) => ExitCode::from(u8::try_from(status).unwrap_or(1)),
        Ok(ExitKind::Failed(code)) => ExitCode::from(code.exit_status()),
        Err(error) if atelier_failure::is_cancelled(&error) => {
            output.cancelled(Cancelled);
            ExitCode::from(atelier_app::context::CANCELLED_STATUS)
        }
        Err(error) => {
            output.failure(&error);
            ExitCode::from(atelier_failure::code_of(&error).exit_status())
        }
    }
}
