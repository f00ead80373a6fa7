//! `atelier token`: by what programs are recognised.

use anyhow::Result;
use atelier_accounts::{Secret, TokenScope};
use atelier_app::context::{App, ExitKind};
use atelier_core::ErrorCode;
use atelier_failure::{CodedResult as _, failed};
use atelier_store::{ApiToken, Library, NewAudit, NewToken};
use clap::Subcommand;
use serde_json::json;

use super::choice;

/// How tokens begin, so that people see what they are.
const PREFIX: &str = "atl_";

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it. It is shown this once.
    Add {
        /// What it is for.
        name: String,
        /// The account that it speaks for [default: the user of this machine, who may do everything].
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// What it may do of what the account may.
        #[arg(long, value_parser = choice::<TokenScope>(TokenScope::ALL.map(TokenScope::name)), default_value = "write")]
        scope: TokenScope,
        /// After how many days it ends [default: never].
        #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=3650))]
        expires_days: Option<u32>,
    },
    /// List the tokens, without what they are recognised by.
    List,
    /// Refuse a token from now on.
    Revoke {
        /// Its name or id.
        token: String,
    },
}

/// Does it.
pub(super) fn run(command: &TokenCommand, app: &App) -> Result<ExitKind> {
    let library = &match command {
        TokenCommand::List => app.library_to_look()?,
        _ => app.library()?,
    };
    match command {
        TokenCommand::Add {
            name,
            user,
            scope,
            expires_days,
        } => {
            let account = user.as_deref().map(|user| library.find_account(user));
            let account = account.transpose().coded()?.map(|account| account.id);
            let new = NewToken {
                name: name.clone(),
                account,
                scope: *scope,
                days: *expires_days,
            };
            add(app, library, new)?;
        }
        TokenCommand::List => list(app, library)?,
        TokenCommand::Revoke { token } => revoke(app, library, token)?,
    }
    Ok(ExitKind::Completed)
}

fn add(app: &App, library: &Library, new: NewToken) -> Result<()> {
    let secret = Secret::new(PREFIX);
    let secret = secret.map_err(|error| failed(ErrorCode::Internal, error))?;
    let token = library.create_token(new, secret.hash()).coded()?;
    note(library, "token-added", &token)?;
    app.output.line(secret.as_str());
    app.output
        .document(&json!({"token": secret.as_str(), "about": token}))
}

fn list(app: &App, library: &Library) -> Result<()> {
    let tokens = library.list_tokens(None).coded()?;
    for token in &tokens {
        let account = token.account.as_deref().unwrap_or("this machine");
        let scope = token.scope.name();
        app.output.line(format_args!(
            "{}  {:<24} {account:<24} {scope}",
            token.id, token.name
        ));
    }
    if tokens.is_empty() {
        app.output
            .line("no tokens; `atelier token add NAME` makes one");
    }
    app.output.document(&json!({"tokens": tokens}))
}

fn revoke(app: &App, library: &Library, name: &str) -> Result<()> {
    let found = library.find_tokens(name).coded()?;
    let [token] = &*found else {
        let count = found.len();
        let message = format!(
            "{count} tokens are called `{name}`; name one by its id from `atelier token list`"
        );
        return Err(failed(ErrorCode::InvalidInput, message));
    };
    let token = library.revoke_token(token.id).coded()?;
    note(library, "token-revoked", &token)?;
    app.output.line(format_args!(
        "token `{}` is refused from now on",
        token.name
    ));
    app.output.document(&json!({"revoked": token}))
}

fn note(library: &Library, what: &'static str, token: &ApiToken) -> Result<()> {
    let new = NewAudit {
        what,
        thing: Some(format!("{} ({})", token.name, token.scope)),
        ..NewAudit::default()
    };
    library.note_audit(new).coded()
}
