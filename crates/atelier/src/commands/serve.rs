//! `atelier serve`: the studio in a browser on this machine.

use std::fmt::Display;
use std::sync::Arc;

use anyhow::Result;
use atelier_failure::CodedResult as _;
use atelier_server::{Limits, ListenAddress, Server, Settings};
use clap::Args;
use serde_json::json;

use crate::context::{App, ExitKind};

/// What `serve` can be told.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen: an address of this machine; with port 0, one that is free.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7860")]
    listen: String,
}

/// Does it, until it is asked to stop.
pub(super) fn run(args: &ServeArgs, app: &App) -> Result<ExitKind> {
    let address: ListenAddress = args.listen.parse().coded()?;
    let output = app.output;
    let settings = Settings {
        library: app.library()?,
        home: app.settings.library_home()?.to_owned(),
        limits: Limits::default(),
        note: Arc::new(move |text: &dyn Display| output.note(text)),
    };
    let server = Server::bind(address, settings).coded()?;
    let url = format!("http://{}", server.address());
    output.line(format_args!("the studio is at {url}; Ctrl-C stops it"));
    output.document(&json!({"url": url}))?;
    server.run(&app.cancel).coded()?;
    Ok(ExitKind::Completed)
}
