//! `cargo xtask parity`: how far the numbers of this program lie from those of the programs that it follows. Tests print
//! what they compared (`atelier_testkit::parity`); this task runs them, gathers the lines into groups, and writes a page.

mod full_size;
mod group;
mod groups;
mod page;
mod record;
mod table;
mod versions;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::machine::Machine;
use crate::process;
use crate::workspace::Workspace;
use table::Table;

const PAGE: &str = "docs/reference/parity.md";

/// Crates whose tests compare with a reference.
const CRATES: [&str; 4] = [
    "atelier-adapters",
    "atelier-diffusion",
    "atelier-eval",
    "atelier-weights",
];

/// Gather the errors against the references from the tests into docs/reference/parity.md.
#[derive(clap::Args)]
pub(crate) struct Parity {
    /// Write nothing; fail when a group was not measured or is not on the page, or an error exceeds its limit.
    #[arg(long)]
    pub(crate) check: bool,
}

impl Parity {
    pub(crate) fn run(&self, workspace: &Workspace) -> Result<()> {
        let groups = groups::groups();
        let mut records = Vec::new();
        for program in test_programs(workspace)? {
            let output = program.run()?;
            records.extend(record::records(&output)?);
        }
        let table = Table::of(&groups, &records)?;
        let full_size = full_size::read(&workspace.root().join(full_size::FILE))?;
        let mut problems = table.problems();
        problems.extend(full_size::problems(&full_size));
        let path = workspace.root().join(PAGE);
        if self.check {
            let present = fs_err::read_to_string(&path)?;
            problems.extend(page::lacking(&present, &table));
        } else {
            let versions = versions::Versions::of(&workspace.root().join("golden"))?;
            let has_bf16_unit = Machine::here().is_ok_and(|it| it.multiplies_bf16_matrices());
            let page = page::page((&table, has_bf16_unit), &full_size, &versions)?;
            fs_err::write(&path, page)?;
            println!("wrote {PAGE}");
        }
        if !problems.is_empty() {
            bail!("{}", problems.join("; "));
        }
        println!("parity: {} comparisons within their limits", table.count());
        Ok(())
    }
}

/// A program of tests, and the folder that its crate lies in.
struct TestProgram {
    program: PathBuf,
    folder: PathBuf,
}

impl TestProgram {
    fn run(&self) -> Result<String> {
        let mut command = process::command(&self.program);
        process::output(command.arg("--nocapture").current_dir(&self.folder))
    }
}

/// Builds all tests, as `cargo xtask test` does it, so that both use the same build; finds those that compare.
fn test_programs(workspace: &Workspace) -> Result<Vec<TestProgram>> {
    let arguments = [
        "test",
        "--release",
        "--workspace",
        "--no-run",
        "--message-format=json-render-diagnostics",
    ];
    let messages = process::output(&mut workspace.cargo(&arguments))?;
    let mut programs = Vec::new();
    for line in messages.lines() {
        let message: Message =
            serde_json::from_str(line).context("cannot read the answer of `cargo test`")?;
        programs.extend(message.test_program());
    }
    if programs.is_empty() {
        bail!("`cargo test` built no tests of {}", CRATES.join(", "));
    }
    Ok(programs)
}

/// What cargo says about something that it built.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    manifest_path: Option<PathBuf>,
    profile: Option<Profile>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

impl Message {
    fn test_program(self) -> Option<TestProgram> {
        let folder = self.manifest_path?.parent()?.to_owned();
        let name = folder.file_name().map(Path::new)?;
        let compares = self.profile?.test && CRATES.iter().any(|krate| Path::new(krate) == name);
        let program = self.executable?;
        compares.then_some(TestProgram { program, folder })
    }
}
