//! What was done by whom, where people have accounts.

pub(crate) mod list;

use atelier_store::NewAudit;

use crate::app::App;
use crate::session::{By, Who};

/// Takes note of what whoever asks did. Of the user of the machine nothing is noted where nobody else is let in.
pub(crate) async fn note(app: &App, what: &'static str, thing: Option<String>) {
    let viewer = app.viewer();
    let is_alone = viewer.who == Who::Machine && matches!(viewer.by, By::Place);
    if is_alone {
        return;
    }
    let new = NewAudit {
        account: viewer.account().map(|account| account.name.clone()),
        what,
        thing,
        address: viewer.address.map(|address| address.to_string()),
    };
    let library = app.own_library();
    // It is done; that it could not be noted is for the person at the server to know.
    if let Err(failure) = app.work().catalogue(move || library.note_audit(new)).await {
        app.note(&format_args!(
            "cannot note that {what} was done: {failure:?}"
        ));
    }
}

/// The same of a request that named what it was done to by its address.
pub(crate) async fn note_request(app: &App, what: &'static str, path: String) {
    note(app, what, Some(path)).await;
}
