//! Who asks. What nobody recognised sees nothing.

use std::net::IpAddr;

use atelier_accounts::{Role, Secret, SecretHash, TokenScope};
use atelier_store::{Account, AccountId, Viewer as LibraryViewer};

/// Who asks, and by what that is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Viewer {
    pub(crate) who: Who,
    pub(crate) by: By,
    /// Where the request comes from; nothing where no socket brought it.
    pub(crate) address: Option<IpAddr>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Who {
    /// Somebody who did not say.
    #[default]
    Nobody,
    /// The user of this machine.
    Machine,
    /// Somebody with an account.
    Account(Account),
}

/// By what it is known who asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum By {
    /// By the address of the server, which only this machine reaches, or not at all.
    #[default]
    Place,
    /// By a cookie.
    Session(Secret),
    /// By a token, which may do so much.
    Token(SecretHash, TokenScope),
}

impl Viewer {
    /// What is seen of the library.
    pub(crate) fn of_library(&self) -> LibraryViewer {
        match &self.who {
            Who::Nobody => LibraryViewer::Nobody,
            Who::Machine => LibraryViewer::Machine,
            Who::Account(Account { id, role, .. }) => LibraryViewer::Account {
                id: *id,
                role: *role,
            },
        }
    }

    /// What those who ask may do; nothing where nobody was recognised.
    pub(crate) fn role(&self) -> Option<Role> {
        match &self.who {
            Who::Nobody => None,
            Who::Machine => Some(Role::Owner),
            Who::Account(account) => Some(account.role),
        }
    }

    /// What of that they may do in this way.
    pub(crate) fn scope(&self) -> TokenScope {
        match self.by {
            By::Token(_, scope) => scope,
            By::Place | By::Session(_) => TokenScope::All,
        }
    }

    /// The account, where one asks.
    pub(crate) fn account(&self) -> Option<&Account> {
        match &self.who {
            Who::Account(account) => Some(account),
            Who::Nobody | Who::Machine => None,
        }
    }

    /// The account's id.
    pub(crate) fn account_id(&self) -> Option<AccountId> {
        self.account().map(|account| account.id)
    }

    /// What requests that change something have to repeat, so that no page of another site can make a browser send one.
    pub(crate) fn csrf_token(&self) -> Option<Secret> {
        match &self.by {
            By::Session(secret) => Some(secret.derived("csrf")),
            By::Place | By::Token(..) => None,
        }
    }
}
