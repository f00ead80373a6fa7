//! Every place of the doors, with everybody who may ask.

use atelier_accounts::Role;
use serde_json::Value;

use crate::people::{Person, guarded};

/// The file with the table of rights, of which the rows of the doors are read.
const TABLE: &str = include_str!("../../../atelier-server/src/security/rights.rs");
const ID: &str = "018f0000-0000-7000-8000-000000000000";
/// What changes nothing, whatever its method.
const HARMLESS: [&str; 3] = ["/pricing-calculator", "/png-info", "/refresh-"];
/// What this studio does not do.
const ABSENT: [&str; 10] = [
    "/variations/",
    "/init-image",
    "/canvas-init-image",
    "/prompt/",
    "/extra-",
    "/interrogate",
    "/create/",
    "/train/",
    "load-checkpoint",
    "/{*rest}",
];

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    method: &'static str,
    path: &'static str,
    least: &'static str,
    scope: &'static str,
}

fn rows() -> Vec<Row> {
    let rows = TABLE.lines().filter_map(|line| {
        let row = line.trim().strip_prefix("(\"")?.strip_suffix("),")?;
        let mut words = row.split(", ").map(|word| word.trim_matches('"'));
        let mut next = || words.next();
        let (method, path, least, scope) = (next()?, next()?, next()?, next()?);
        let is_door = path.starts_with("/api/rest/") || path.starts_with("/sdapi/");
        is_door.then_some(Row {
            method,
            path,
            least,
            scope,
        })
    });
    rows.collect()
}

/// Who may ask for it, in the words of the guide: whoever has an account looks, members make and change things.
fn expected(Row { method, path, .. }: &Row) -> (&'static str, &'static str) {
    let is_one_of = |some: &[&str]| some.iter().any(|part| path.contains(part));
    if path.ends_with("/uploads/{token}") {
        ("Open", "Write")
    } else if path.ends_with("/files/{token}") {
        ("Open", "Read")
    } else if *method == "GET" || is_one_of(&HARMLESS) || is_one_of(&ABSENT) {
        ("Looker", "Read")
    } else {
        ("Member", "Write")
    }
}

#[tokio::test]
async fn every_place_is_open_to_those_it_is_for_and_to_nobody_else() {
    let studio = guarded();
    let owner = Person::new(&studio, "olga", Role::Owner);
    let reading = owner.reading();
    let people = [
        (&owner, "owner"),
        (&Person::new(&studio, "mia", Role::Member), "member"),
        (&Person::new(&studio, "vera", Role::Viewer), "viewer"),
        (&reading, "owner who reads"),
        (&Person::nobody(&studio), "nobody"),
    ];
    let rows = rows();
    assert!(rows.len() > 70, "{}", rows.len());
    for row in &rows {
        assert_eq!((row.least, row.scope), expected(row), "{row:?}");
        let parts = row.path.split('/').map(|part| match part {
            "{*rest}" => "nothing/at/all",
            part if part.starts_with('{') => ID,
            part => part,
        });
        let address = parts.collect::<Vec<_>>().join("/");
        let is_any = row.method == "*";
        let methods = if is_any {
            &["GET", "POST", "PUT", "DELETE"][..]
        } else {
            &[row.method][..]
        };
        for method in methods {
            for (person, who) in people {
                let answer = person.call((method, &address), &Value::Null).await;
                let expected = match (row.least, who) {
                    ("Open", _) | (_, "owner") => None,
                    (_, "nobody") => Some(401),
                    ("Member", "viewer" | "owner who reads") => Some(403),
                    _ => None,
                };
                let status = answer.status.as_u16();
                let refused = matches!(status, 401 | 403).then_some(status);
                assert_eq!(refused, expected, "{who}: {method} {address}: {status}");
                let is_there = is_any || !answer.json().to_string().contains("this API has no");
                assert!(is_there, "{method} {address}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_in_the_table_is_no_place() {
    let studio = guarded();
    let (owner, nobody) = (
        Person::new(&studio, "olga", Role::Owner),
        Person::nobody(&studio),
    );
    for path in [
        "/api/rest/v1",
        "/api/rest/v1/accounts",
        "/api/rest/v2/me",
        "/sdapi/v1/server-restart",
        "/sdapi/v2/txt2img",
        "/internal/ping",
    ] {
        for method in ["POST", "DELETE"] {
            let answer = owner.call((method, path), &Value::Null).await;
            assert!(answer.status.is_client_error(), "{method} {path}");
        }
        let answer = nobody.call(("POST", path), &Value::Null).await;
        assert!(answer.status.is_client_error(), "{path}");
    }
}
