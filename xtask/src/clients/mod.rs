//! `cargo xtask clients`: clients of other houses go the whole way with the program, unchanged: the official ones of Leonardo.Ai,
//! and one of AUTOMATIC1111's web interface. Then Schemathesis asks the API what its description allows, and what it does not.
//! They come from the registries of Node and Python into a folder outside the checkout, so this is no part of the checks, which
//! need no network; the continuous integration runs it where it can.

mod install;

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process;
use crate::workspace::Workspace;
use install::Installed;

/// What they upload.
const PICTURES: &str = "assets/blob-faces/train";
const PICTURE_COUNT: usize = 3;

/// What Schemathesis looks at in an answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
/// Requests for each operation in each of its ways to make them.
const CASES: &str = "10";

/// Which program they talk to.
#[derive(Debug, clap::Args)]
pub(crate) struct Clients {
    /// A program that is built already; built in release mode when absent.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Where the clients are installed; `atelier-clients` in the user's cache when absent.
    #[arg(long)]
    cache: Option<PathBuf>,
    /// Where the clients cannot be installed, such as without a network, say so and end well.
    #[arg(long)]
    where_possible: bool,
}

impl Clients {
    /// Starts the program on a new library, and runs the scripts against it.
    pub(crate) fn run(self, workspace: &Workspace) -> Result<()> {
        let installed = match Installed::into(self.cache) {
            Ok(installed) => installed,
            Err(error) if self.where_possible => {
                println!(
                    "clients of other houses: not tested, since they cannot be installed: {error:#}"
                );
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let program = self.program.map_or_else(|| workspace.build_program(), Ok)?;
        let home = std::env::temp_dir().join(format!("atelier-clients-{}", std::process::id()));
        fs_err::create_dir(&home)?;
        let done = Server::start(&program, &home).and_then(|server| {
            let pictures = pictures(workspace.root())?;
            let script = |name: &str| workspace.root().join("golden/clients").join(name);
            let token = token(&program, &home)?;
            let told = |command: &mut Command| {
                let command = command.arg(&server.address).args(&pictures);
                process::run(command.env("ATELIER_TOKEN", &token))
            };
            let mut npm = process::command("node");
            npm.env("NODE_PATH", &installed.node);
            told(npm.arg(script("leonardo.mjs")))?;
            for name in ["leonardo.py", "a1111.py"] {
                told(process::command(&installed.python).arg(script(name)))?;
            }
            ask_everything(&installed.asker, &home, &server.address, &token)
        });
        fs_err::remove_dir_all(&home)?;
        done
    }
}

/// Schemathesis makes requests of every operation by a fixed seed, some as described and some against the description. None may
/// be answered by a failure of the server, or by what the description does not say.
fn ask_everything(asker: &Path, folder: &Path, address: &str, token: &str) -> Result<()> {
    let mut command = process::command(asker);
    command
        .arg("run")
        .arg(format!("{address}/api/v1/openapi.json"));
    command
        .arg("--header")
        .arg(format!("Authorization: Bearer {token}"));
    command.args(["--checks", CHECKS, "--phases", "coverage,fuzzing,stateful"]);
    command.args(["--max-examples", CASES, "--seed", "1", "--no-shrink"]);
    // It keeps notes of its own where it runs.
    process::run(command.arg("--no-color").current_dir(folder))
}

/// A token for the scripts, as the guide tells people to make one.
fn token(program: &Path, home: &Path) -> Result<String> {
    let mut command = process::command(program);
    command.args(["token", "add", "clients", "--json"]);
    let output = command.env("ATELIER_HOME", home).output()?;
    let made: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let token = made["token"]
        .as_str()
        .context("the program made no token")?;
    Ok(token.to_owned())
}

/// The program while it serves.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(program: &Path, home: &Path) -> Result<Self> {
        let mut command = process::command(program);
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        command.env("ATELIER_HOME", home).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start the program")?;
        let out = child.stdout.take().context("the program has no output")?;
        let mut server = Self {
            child,
            address: String::new(),
        };
        for line in BufReader::new(out).lines() {
            let line = line?;
            if let Some(at) = line.find("http://") {
                let address = line[at..].split_whitespace().next().unwrap_or_default();
                address
                    .trim_end_matches([';', '/'])
                    .clone_into(&mut server.address);
                return Ok(server);
            }
        }
        bail!("the program ended before it said its address")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked like by Ctrl-C, so that its workers end too.
        let id = self.child.id().to_string();
        let asked = process::command("kill").arg(id).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

fn pictures(root: &Path) -> Result<Vec<PathBuf>> {
    let mut pictures = Vec::new();
    for entry in fs_err::read_dir(root.join(PICTURES))? {
        let path = entry?.path();
        if path.extension().and_then(OsStr::to_str) == Some("png") {
            pictures.push(path);
        }
    }
    pictures.sort();
    pictures.truncate(PICTURE_COUNT);
    Ok(pictures)
}
