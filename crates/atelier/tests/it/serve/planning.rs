//! Plans of trainings over HTTP, which time what this machine multiplies.

use serde_json::json;

use super::drawing::post;
use super::jobs::{library, stop};
use super::started_with;
use crate::library::studio;

#[test]
fn a_server_with_one_thread_plans_in_every_arithmetic() {
    let bench = studio();
    let dataset = library(&bench).find_dataset("Slopes").unwrap().id;
    let (child, address) = started_with(&bench, &["--threads", "1"]);
    for precision in ["f32", "bf16", "int8"] {
        let body = json!({
            "dataset": dataset,
            "settings": {"trigger": "SlopeV1", "precision": precision},
        });
        let path = "/api/v1/trainings/plan";
        let (status, plan) = post(
            &address,
            path,
            "application/json",
            body.to_string().as_bytes(),
        );
        assert_eq!(status, 200, "{precision}: {plan}");
        let secs = plan["duration"]["secs"].as_f64();
        assert!(secs.is_some_and(|secs| secs > 0.0), "{precision}: {plan}");
    }
    stop(child);
}
