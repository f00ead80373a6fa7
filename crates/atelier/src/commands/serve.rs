//! `atelier serve`: the studio in a browser, on this machine or with accounts elsewhere.

use std::ffi::OsString;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use atelier_app::ATELIER_HOME;
use atelier_app::context::{App, ExitKind};
use atelier_app::memory;
use atelier_failure::{CodedResult as _, code_of, messages};
use atelier_jobs::{ChildProcess, Queue};
use atelier_server::{Access, HostName, Limits, ListenAddress, Server, Services, Settings};
use atelier_store::Library;
use clap::Args;
use serde_json::json;

use super::model::adapter_writer;
use crate::planner::OwnPlanner;

/// How long workers are waited for; what has not stopped by then stops at its next step, and the next server finds it.
const GRACE: Duration = Duration::from_secs(30);

/// What `serve` can be told.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen; with port 0, at one that is free. Where other machines reach it, everybody has to log in.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7860")]
    listen: String,
    /// Have everybody log in on an address of this machine too.
    #[arg(long)]
    require_login: bool,
    /// A name of the server besides its address; may be given several times. With one that others reach, everybody has to log in.
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// Every request comes through a proxy: believe its X-Forwarded-For and X-Forwarded-Proto, and have everybody log in.
    #[arg(long)]
    behind_proxy: bool,
    /// Let browsers show their session only over HTTPS.
    #[arg(long)]
    secure_cookies: bool,
}

impl ServeArgs {
    fn access(&self) -> Result<Access> {
        let hosts = self.host.iter().map(|host| host.parse::<HostName>());
        Ok(Access {
            needs_login: self.require_login,
            hosts: hosts.collect::<Result<_, _>>().coded()?,
            has_secure_cookies: self.secure_cookies,
            is_behind_proxy: self.behind_proxy,
        })
    }
}

/// Does it, until it is asked to stop.
pub(super) fn run(args: &ServeArgs, app: &App) -> Result<ExitKind> {
    let address: ListenAddress = args.listen.parse().coded()?;
    let (access, output) = (args.access()?, app.output);
    if access.needs_login_at(address.into()) {
        check_library(app, address)?;
    }
    let library = app.library()?;
    let settings = Settings {
        library: library.clone(),
        home: app.settings.library_home()?.to_owned(),
        limits: Limits::default(),
        note: Arc::new(move |text: &dyn Display| output.note(text)),
    };
    let server = Server::bind_with(address, settings, access).coded()?;
    // Not before the address is ours: a server that cannot listen does nothing.
    let queue = open_queue(app, library)?;
    let services = Services {
        planner: Some(Arc::new(OwnPlanner::new(app))),
        queue: Some(queue.clone()),
        adapter_writer: Some(adapter_writer(app)),
        doors: atelier_doors::routes(),
    };
    let url = format!("http://{}", server.address());
    output.line(format_args!("the studio is at {url}; Ctrl-C stops it"));
    output.document(&json!({"url": url}))?;
    let served = server.with(services).run(&app.cancel).coded();
    queue.shut_down(GRACE);
    match served {
        // The one document is out.
        Err(error) if output.is_json() => {
            output.note(format_args!("error: {}", messages(&error).join(": ")));
            Ok(ExitKind::Failed(code_of(&error)))
        }
        served => served.map(|()| ExitKind::Completed),
    }
}

/// Nobody can log in where there is no library yet; none is made to find that out.
fn check_library(app: &App, address: ListenAddress) -> Result<()> {
    app.settings.library_home()?;
    if app.settings.has_library() {
        return Ok(());
    }
    let address = address.into();
    Err(atelier_server::Error::NoOwner { address }).coded()
}

/// What every worker is told besides its attempt.
fn for_workers(threads: Option<u16>) -> Vec<OsString> {
    let flag = threads.map(|count| ["--threads".into(), count.to_string().into()]);
    flag.into_iter().flatten().collect()
}

/// Begins to do what is queued in the library.
fn open_queue(app: &App, library: Library) -> Result<Queue> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let home = fs_err::canonicalize(app.settings.library_home()?)?;
    let environment = vec![(ATELIER_HOME.into(), home.into())];
    let output = app.output;
    Queue::open(atelier_jobs::Settings {
        library,
        executor: Box::new(ChildProcess::new(
            program,
            for_workers(app.threads),
            environment,
        )),
        clock: app.shared_clock(),
        free_bytes: Arc::new(memory::free_bytes),
        note: Arc::new(move |text: &dyn Display| output.note(text)),
        limits: atelier_jobs::Limits::default(),
        stops_at: None,
    })
    .coded()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_compute_with_the_threads_of_the_server() {
        assert_eq!(for_workers(Some(3)), ["--threads", "3"]);
        assert!(for_workers(None).is_empty());
    }
}
