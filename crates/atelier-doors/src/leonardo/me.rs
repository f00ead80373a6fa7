//! Who asks, to whom nothing costs anything.

use atelier_server::door::{App, AppFor, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::request::Body;

/// The id of the user of this machine, who has no account.
const MACHINE: &str = "00000000-0000-4000-8000-000000000001";
/// Clients look whether there are enough tokens before they ask for something.
const TOKENS: u32 = 1_000_000;

/// The id of whoever asks.
pub(super) fn user_id(app: &App) -> String {
    let account = app.account();
    account.map_or_else(|| MACHINE.to_owned(), |account| account.id.to_string())
}

/// Who asks: the account that the token speaks for, or the user of this machine.
pub(super) async fn get_me(AppFor(app): AppFor) -> Json<Value> {
    let name = app.account().map_or("local", |account| &account.name);
    Json(json!({"user_details": [{
        "user": {"id": user_id(&app), "username": name},
        "tokenRenewalDate": null,
        "paidTokens": null,
        "subscriptionTokens": TOKENS,
        "subscriptionGptTokens": 0,
        "subscriptionModelTokens": TOKENS,
        "apiConcurrencySlots": app.limits().open_jobs,
        "apiPaidTokens": null,
        "apiSubscriptionTokens": TOKENS,
        "apiPlanTokenRenewalDate": null,
    }]}))
}

/// What a price is asked for; whatever it is, it is free.
#[derive(Debug, Deserialize)]
pub(super) struct Priced {}

/// What something costs.
pub(super) async fn calculate_price(Body(Priced {}): Body<Priced>) -> Json<Value> {
    Json(json!({"calculateProductionApiServiceCost": {"cost": 0}}))
}
