//! `atelier user`: who has an account in the studio, and what they may do.

use anyhow::Result;
use atelier_accounts::{PasswordHash, PasswordProblem, Role};
use atelier_app::context::{App, ExitKind};
use atelier_core::ErrorCode;
use atelier_failure::{CodedResult as _, failed};
use atelier_store::{Account, AccountChange, Library, NewAudit};
use clap::{Args, Subcommand};
use serde_json::json;

use super::choice;
use super::secret_line::{from_stdin, from_terminal};

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Make an account.
    Add {
        /// Its name.
        name: String,
        /// What it may do: see what is shared, have things of its own, or everything.
        #[arg(long, value_parser = choice::<Role>(Role::ALL.map(Role::name)), default_value = "member")]
        role: Role,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// List the accounts.
    List,
    /// Give an account another password. Its sessions end.
    Password {
        /// The account.
        name: String,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Give an account another role.
    Role {
        /// The account.
        name: String,
        /// What it may do from now on.
        #[arg(value_parser = choice::<Role>(Role::ALL.map(Role::name)))]
        role: Role,
    },
    /// Close an account: its sessions end, and its tokens are refused.
    Revoke {
        /// The account.
        name: String,
        /// Remove it. What it made passes to the accounts with the role owner.
        #[arg(long)]
        remove: bool,
    },
    /// Open an account again that was closed.
    Restore {
        /// The account.
        name: String,
    },
}

/// Where a password comes from.
#[derive(Debug, Args)]
pub(crate) struct PasswordArgs {
    /// Read the password from the first line of stdin, in place of asking for it.
    #[arg(long)]
    password_stdin: bool,
}

/// Does it.
pub(super) fn run(command: &UserCommand, app: &App) -> Result<ExitKind> {
    let library = &match command {
        UserCommand::List => app.library_to_look()?,
        _ => app.library()?,
    };
    match command {
        UserCommand::Add {
            name,
            role,
            password,
        } => {
            let hash = password.hash()?;
            let account = library.create_account(name, *role, hash).coded()?;
            let deed = ("account-added", account.name.clone());
            done(app, library, (vec![deed], &account), "it can log in")?;
        }
        UserCommand::List => list(app, library)?,
        UserCommand::Password { name, password } => {
            // Nobody types a password for an account that there is not.
            library.find_account(name).coded()?;
            let change = AccountChange {
                password: Some(password.hash()?),
                ..AccountChange::default()
            };
            change_account(app, library, (name, change), "it has another password")?;
        }
        UserCommand::Role { name, role } => {
            let change = AccountChange {
                role: Some(*role),
                ..AccountChange::default()
            };
            change_account(app, library, (name, change), "its role is changed")?;
        }
        UserCommand::Revoke { name, remove: true } => {
            let account = library.find_account(name).coded()?;
            let account = library.delete_account(account.id).coded()?;
            let words = "it is removed; what it made passes to the role owner";
            let deed = ("account-removed", account.name.clone());
            done(app, library, (vec![deed], &account), words)?;
        }
        UserCommand::Revoke { name, .. } => close(app, library, (name, true), "it is closed")?,
        UserCommand::Restore { name } => close(app, library, (name, false), "it can log in again")?,
    }
    Ok(ExitKind::Completed)
}

fn close(app: &App, library: &Library, (name, is_closed): (&str, bool), words: &str) -> Result<()> {
    let change = AccountChange {
        is_disabled: Some(is_closed),
        ..AccountChange::default()
    };
    change_account(app, library, (name, change), words)
}

fn change_account(
    app: &App,
    library: &Library,
    (name, change): (&str, AccountChange),
    words: &str,
) -> Result<()> {
    let account = library.find_account(name).coded()?;
    let deeds = change.deeds(&account.name);
    let account = library.update_account(account.id, change).coded()?;
    done(app, library, (deeds, &account), words)
}

fn list(app: &App, library: &Library) -> Result<()> {
    let accounts = library.list_accounts().coded()?;
    for account in &accounts {
        let state = account.disabled_ms.map_or("", |_| "closed");
        app.output.line(format_args!(
            "{:<24} {:<8} {state}",
            account.name,
            account.role.name()
        ));
    }
    if accounts.is_empty() {
        app.output
            .line("no accounts; `atelier user add NAME --role owner` makes one");
    }
    app.output.document(&json!({"accounts": accounts}))
}

fn done(
    app: &App,
    library: &Library,
    (deeds, account): (Vec<(&'static str, String)>, &Account),
    words: &str,
) -> Result<()> {
    for (what, thing) in deeds {
        let new = NewAudit {
            what,
            thing: Some(thing),
            ..NewAudit::default()
        };
        library.note_audit(new).coded()?;
    }
    let (name, role) = (&account.name, account.role);
    app.output
        .line(format_args!("account `{name}` ({role}): {words}"));
    app.output.document(&json!({"account": account}))
}

impl PasswordArgs {
    fn hash(&self) -> Result<PasswordHash> {
        let password = if self.password_stdin {
            from_stdin()?
        } else {
            from_terminal()?
        };
        PasswordHash::of(&password).map_err(|problem| {
            let code = match problem {
                PasswordProblem::Hash(_) => ErrorCode::Internal,
                _ => ErrorCode::InvalidInput,
            };
            failed(code, problem.to_string())
        })
    }
}
