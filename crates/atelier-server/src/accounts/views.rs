//! How accounts look in answers.

use atelier_accounts::Role;
use atelier_store::Account;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use crate::openapi::choices::one_of;

/// What an account may do, as a closed choice.
pub(crate) fn role() -> Object {
    one_of(&Role::ALL.map(Role::name))
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub(crate) struct AccountView {
    #[schema(format = "uuid")]
    id: String,
    /// No other account has it.
    name: String,
    /// What it may do.
    #[schema(schema_with = role)]
    role: &'static str,
    /// Whether it is closed, so that nobody can use it.
    disabled: bool,
    /// When it was made, in milliseconds since the Unix epoch.
    created_ms: i64,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        Self {
            id: account.id.to_string(),
            name: account.name,
            role: account.role.name(),
            disabled: account.disabled_ms.is_some(),
            created_ms: account.created_ms,
        }
    }
}
