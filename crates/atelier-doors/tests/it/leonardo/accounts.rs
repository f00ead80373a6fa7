//! Who asks, where there are accounts.

use atelier_accounts::Role;
use serde_json::{Value, json};

use super::{API, Client};
use crate::people::{Person, guarded};

const MACHINE: &str = "00000000-0000-4000-8000-000000000001";

impl Person<'_> {
    /// The answer of this API, as the clients take it.
    pub(crate) async fn leonardo(&self, (method, path): (&str, &str), body: &Value) -> Value {
        let answer = self.call((method, &format!("{API}{path}")), body).await;
        Client::taken(&answer)
    }
}

#[tokio::test]
async fn whoever_asks_is_the_account_that_the_token_speaks_for() {
    let studio = guarded();
    let mia = Person::new(&studio, "mia", Role::Member);
    let vera = Person::new(&studio, "vera", Role::Viewer);
    let machine = Person::machine(&studio);
    let id = |person: &Person<'_>| person.account.unwrap().to_string();
    let (mia_id, vera_id) = (id(&mia), id(&vera));
    let everybody = [
        (&mia, mia_id.as_str(), "mia"),
        (&vera, vera_id.as_str(), "vera"),
        (&machine, MACHINE, "local"),
    ];
    for (person, id, name) in everybody {
        let me = person.leonardo(("GET", "/me"), &Value::Null).await;
        let user = &me["user_details"][0]["user"];
        assert_eq!(user, &json!({"id": id, "username": name}));
        for list in ["elements", "models", "generations"] {
            for (_, other, _) in everybody {
                let path = format!("{API}/{list}/user/{other}");
                let answer = person.call(("GET", &path), &Value::Null).await;
                let status = if other == id { 200 } else { 404 };
                assert_eq!(answer.status, status, "{name}: {path}");
            }
        }
    }
}
