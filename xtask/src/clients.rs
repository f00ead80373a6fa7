//! `cargo xtask clients`: the official clients of Leonardo.Ai go the whole way with the program, unchanged. They come from the
//! registries of Node and Python into a folder outside the checkout. Not part of any check, which needs no network.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use anyhow::{Context, Result, bail};

use crate::process;
use crate::workspace::Workspace;

/// The clients that the server was written against.
const NODE_PACKAGE: &str = "@leonardo-ai/sdk@4.21.3";
const PYTHON_PACKAGE: &str = "leonardo-ai-sdk==7.0.0";
/// What they upload.
const PICTURES: &str = "assets/blob-faces/train";
const PICTURE_COUNT: usize = 3;

/// Which program they talk to.
#[derive(Debug, clap::Args)]
pub(crate) struct Clients {
    /// A program that is built already; built in release mode when absent.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Where the clients are installed; `atelier-clients` in the user's cache when absent.
    #[arg(long)]
    cache: Option<PathBuf>,
}

impl Clients {
    /// Starts the program on a new library, and runs both scripts against it.
    pub(crate) fn run(self, workspace: &Workspace) -> Result<()> {
        for (program, package) in [("node", "npm"), ("npm", "npm"), ("python3", "PyPI")] {
            check_there(program, package)?;
        }
        let cache = self.cache.map_or_else(usual_cache, Ok)?;
        let (node, python) = (installed_node(&cache)?, installed_python(&cache)?);
        let program = self.program.map_or_else(|| workspace.build_program(), Ok)?;
        let home = std::env::temp_dir().join(format!("atelier-clients-{}", std::process::id()));
        fs_err::create_dir(&home)?;
        let done = Server::start(&program, &home).and_then(|server| {
            let pictures = pictures(workspace.root())?;
            let script = |name: &str| workspace.root().join("golden/clients").join(name);
            let mut npm = process::command("node");
            npm.env("NODE_PATH", node).arg(script("leonardo.mjs"));
            process::run(npm.arg(&server.address).args(&pictures))?;
            let mut pypi = process::command(python);
            pypi.arg(script("leonardo.py"));
            process::run(pypi.arg(&server.address).args(&pictures))
        });
        fs_err::remove_dir_all(&home)?;
        done
    }
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

fn check_there(program: &str, registry: &str) -> Result<()> {
    let mut command = process::command(program);
    let found = command.arg("--version").stdout(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    bail!("`{program}` is missing: it is needed for the client from {registry}")
}

fn usual_cache() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let cache = cache.context("no cache folder is known; give one with `--cache`")?;
    Ok(cache.join("atelier-clients"))
}

/// The folder of packages with the client of Node.
fn installed_node(cache: &Path) -> Result<PathBuf> {
    let folder = cache.join("node");
    fs_err::create_dir_all(&folder)?;
    let mut npm = process::command("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--prefix"]);
    process::run(npm.arg(&folder).arg(NODE_PACKAGE))?;
    Ok(folder.join("node_modules"))
}

/// A Python with the client of Python.
fn installed_python(cache: &Path) -> Result<PathBuf> {
    let folder = cache.join("python");
    process::run(
        process::command("python3")
            .args(["-m", "venv"])
            .arg(&folder),
    )?;
    let python = folder.join("bin/python");
    let install = ["-m", "pip", "install", "--quiet", PYTHON_PACKAGE];
    process::run(process::command(&python).args(install))?;
    Ok(python)
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
