//! The one user, to whom nothing costs anything.

use atelier_server::door::{AppFor, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::request::Body;

/// The id of whoever sits at this machine; there are no accounts.
pub(super) const USER: &str = "00000000-0000-4000-8000-000000000001";
/// Clients look whether there are enough tokens before they ask for something.
const TOKENS: u32 = 1_000_000;

/// Who asks.
pub(super) async fn get_me(AppFor(app): AppFor) -> Json<Value> {
    Json(json!({"user_details": [{
        "user": {"id": USER, "username": "local"},
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
