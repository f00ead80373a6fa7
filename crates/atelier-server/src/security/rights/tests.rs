//! The table, compared with what the API is described as.

use serde_json::Value;

use super::*;

#[test]
fn every_place_that_is_described_is_in_the_table_and_none_twice() {
    let described: Value = serde_json::from_str(&crate::openapi_json()).unwrap();
    let paths = described["paths"].as_object().unwrap();
    let mut missing = Vec::new();
    for (path, operations) in paths {
        for method in ["get", "post", "put", "patch", "delete"] {
            let method_name = method.to_uppercase();
            let is_listed = RIGHTS.contains_key(&(&*method_name, &**path));
            if operations[method].is_object() && !is_listed {
                missing.push(format!("{method_name} {path}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert_eq!(RIGHTS.len(), TABLE.len());
}

#[test]
fn every_native_place_of_the_table_is_there() {
    let described: Value = serde_json::from_str(&crate::openapi_json()).unwrap();
    for (method, path, ..) in TABLE {
        let is_native = !path.starts_with("/api/rest") && !path.starts_with("/sdapi");
        if is_native && *path != "/api/v1/openapi.json" {
            let operation = &described["paths"][path][method.to_lowercase()];
            assert!(operation.is_object(), "{method} {path}");
        }
    }
}

#[test]
fn looking_takes_a_token_that_reads_and_changing_one_that_writes() {
    for (method, path, least, scope, _) in TABLE {
        let is_open = *least == Open;
        if *method == "GET" && !is_open {
            assert!(
                *scope == Read || *least == Owner || path.ends_with("/tokens"),
                "{path}"
            );
        } else if matches!(*method, "PUT" | "PATCH" | "DELETE") {
            assert!(*scope > Read, "{path}");
        }
    }
    assert_eq!(Right::at(&Method::PATCH, "/api/v1/forgotten"), UNLISTED);
    let health = Right::at(&Method::HEAD, "/healthz");
    assert!(!health.is_guarded() && !health.is_page);
}

#[test]
fn other_methods_of_a_place_are_refused_to_all_who_may_know_that_it_is_there() {
    let refused = |method: Method, path: &str| {
        let right = Right::at(&method, path);
        assert!(right.check_method().is_err(), "{method} {path}");
        (right.least, right.other_methods.unwrap())
    };
    let images = "/api/v1/datasets/{dataset}/images";
    assert_eq!(refused(Method::GET, images), (Looker, "POST"));
    assert_eq!(
        refused(Method::DELETE, "/api/v1/datasets"),
        (Looker, "GET, HEAD, POST")
    );
    assert_eq!(refused(Method::PUT, "/healthz"), (Open, "GET, HEAD"));
    for (method, path, ..) in TABLE.iter().filter(|row| row.0 != "*") {
        let method: Method = method.parse().unwrap();
        assert!(Right::at(&method, path).check_method().is_ok(), "{path}");
    }
    let any = Right::at(&Method::PUT, "/sdapi/v1/{*rest}");
    assert!(any.check_method().is_ok());
}
