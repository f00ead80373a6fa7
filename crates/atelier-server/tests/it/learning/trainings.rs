//! Bases, trigger words, settings, plans and starts of trainings.

use atelier_core::TrainConfig;
use serde_json::{Value, json};

use crate::studio::{Studio, steady, text};

const PLAN: &str = "/api/v1/trainings/plan";
const START: &str = "/api/v1/trainings";

/// A dataset of two pictures.
async fn dataset(studio: &Studio) -> String {
    let dataset = studio.dataset("Blob faces").await;
    studio.add(&dataset, 1).await;
    studio.add(&dataset, 2).await;
    dataset
}

#[tokio::test]
async fn bases_are_listed_the_usual_one_first() {
    let bases = Studio::working().get("/api/v1/bases").await.ok();
    assert_eq!(bases["bases"][0]["name"], "atelier-mini");
    assert_eq!(bases["bases"][1]["kind"], "sd15");
}

#[tokio::test]
async fn words_are_judged_beside_those_of_other_datasets() {
    let studio = Studio::working();
    let dataset = studio.dataset("Blob faces").await;
    let judged = async |body: Value| {
        let judged = studio.post("/api/v1/trigger-words/judge", &body).await.ok();
        text(&judged["findings"][0]["level"]).to_owned()
    };
    assert_eq!(judged(json!({"word": "blobv1"})).await, "warning");
    let own = json!({"word": "blobv1", "dataset": dataset});
    assert_eq!(judged(own).await, "good");
    let noun = json!({"word": "toy", "category": "object"});
    assert_eq!(judged(noun).await, "refused");
    for body in [
        json!({"word": "x".repeat(101)}),
        json!({"word": "a", "category": "cat"}),
        json!({"word": "a", "dataset": "x"}),
        json!({}),
    ] {
        let answer = studio.post("/api/v1/trigger-words/judge", &body).await;
        assert_eq!(answer.failure().0, 400, "{body}");
    }
}

#[tokio::test]
async fn the_schema_has_every_setting_with_what_a_form_needs() {
    let schema = Studio::new().get("/api/v1/settings/schema").await.ok();
    let settings = schema["settings"].as_array().unwrap();
    assert_eq!(settings.len(), TrainConfig::SETTINGS.len());
    let find = |name: &str| settings.iter().find(|one| one["name"] == name).unwrap();
    insta::assert_snapshot!(steady(find("strength")), @r#"
    {
      "name": "strength",
      "label": "Training strength",
      "help": "How strongly the training changes the base: what decided the settings of its table that were not given. Absent where no strength was asked.",
      "group": "strength",
      "kind": "choice",
      "is_optional": true,
      "follows_strength": false,
      "default": null,
      "choices": [
        "very-low",
        "low",
        "medium",
        "high"
      ],
      "minimum": null,
      "exclusive_minimum": null,
      "maximum": null,
      "most_chars": null,
      "most_texts": null
    }
    "#);
    let epochs = find("epochs");
    assert_eq!(
        (&epochs["kind"], &epochs["follows_strength"]),
        (&json!("whole"), &json!(true))
    );
    assert_eq!(
        (&epochs["minimum"], &epochs["maximum"]),
        (&json!(1.0), &json!(100_000.0))
    );
    let groups = schema["groups"].as_array().unwrap();
    let is_group = |setting: &Value| groups.iter().any(|one| one["name"] == setting["group"]);
    assert!(settings.iter().all(is_group));
}

#[tokio::test]
async fn a_plan_says_where_each_setting_comes_from_and_begins_nothing() {
    let studio = Studio::working();
    let dataset = dataset(&studio).await;
    let body = json!({"dataset": dataset, "settings": {"rank": 4}});
    let plan = studio.post(PLAN, &body).await.ok();
    let origin = |name: &str| text(&plan["origins"][name]).to_owned();
    let origins = ["rank", "category", "trigger", "epochs", "batch_size"].map(origin);
    assert_eq!(
        origins,
        ["request", "dataset", "dataset", "strength", "default"]
    );
    assert_eq!(
        (&plan["settings"]["rank"], &plan["image_count"]),
        (&json!(4), &json!(2))
    );
    assert_eq!(
        (&plan["base"], &plan["version"]),
        (&json!("atelier-mini"), &json!(3))
    );
    assert_eq!(
        (&plan["steps_per_epoch"], &plan["total_steps"]),
        (&json!(2), &json!(80))
    );
    assert!(text(&plan["notes"][0]).starts_with("there are 2 pictures, and 15 to 40 are right"));
    assert_eq!(studio.get("/api/v1/runs").await.ok()["total"], 0);
    let own = json!({"dataset": dataset, "version": 2, "base": "dreamy", "settings": {"category": "style", "trigger": "Ink"}});
    let plan = studio.post(PLAN, &own).await.ok();
    assert_eq!(
        (&plan["origins"]["category"], &plan["image_count"]),
        (&json!("request"), &json!(1))
    );
}

#[tokio::test]
async fn seeds_are_numbers_or_their_digits() {
    let studio = Studio::working();
    let dataset = dataset(&studio).await;
    let wished = |seed: Value| json!({"dataset": dataset, "settings": {"seed": seed}});
    for (seed, digits) in [
        (json!("18446744073709551615"), "18446744073709551615"),
        (json!(9_007_199_254_740_993_u64), "9007199254740993"),
        (json!("007"), "7"),
    ] {
        let plan = studio.post(PLAN, &wished(seed)).await.ok();
        assert_eq!(plan["settings"]["seed"].to_string(), digits);
    }
    for seed in [json!("18446744073709551616"), json!("-1"), json!("")] {
        let answer = studio.post(PLAN, &wished(seed)).await;
        let (_, _, message) = answer.failure();
        assert!(message.contains("its digits as text"), "{message}");
    }
}

#[tokio::test]
async fn everything_wrong_with_settings_is_told_together() {
    let studio = Studio::working();
    let dataset = dataset(&studio).await;
    let settings = json!({"rank": "four", "epochs": 0, "batch_size": -1, "speed": 9, "alpha": 0});
    for path in [PLAN, START] {
        let body = json!({"dataset": dataset, "settings": settings});
        let answer = studio.post(path, &body).await;
        let problems = answer.json()["error"]["details"]["problems"].clone();
        let words: Vec<_> = problems.as_array().unwrap().iter().map(text).collect();
        for name in ["`rank`", "`epochs`", "`batch_size`", "`speed`", "`alpha`"] {
            assert!(
                words.iter().any(|word| word.starts_with(name)),
                "{name} {words:?}"
            );
        }
        assert_eq!((words.len(), answer.failure().0), (5, 400));
    }
}

#[tokio::test]
async fn settings_are_few_values_and_plans_are_no_large_documents() {
    let studio = Studio::working();
    let dataset = dataset(&studio).await;
    for path in [PLAN, START] {
        let wished =
            |zeros: usize| json!({"dataset": dataset, "settings": {"rank": vec![0; zeros]}});
        let (status, _, message) = studio.post(path, &wished(2_000)).await.failure();
        assert_eq!(status, 400);
        assert!(message.contains("more than 1000 values"), "{message}");
        let (status, code, _) = studio.post(path, &wished(500_000)).await.failure();
        assert_eq!((status, code.as_str()), (413, "too_large"));
    }
}

#[tokio::test]
async fn what_cannot_be_trained_is_refused_and_leaves_nothing() {
    let studio = Studio::working();
    let dataset = dataset(&studio).await;
    let empty = studio.dataset("Empty").await;
    let absent = "018f0000-0000-7000-8000-000000000000";
    let many: serde_json::Map<_, _> = (0..101).map(|n| (format!("x{n}"), json!(1))).collect();
    for (body, status) in [
        (json!({"dataset": absent}), 404),
        (json!({"dataset": "x"}), 400),
        (json!({}), 400),
        (json!({"dataset": empty}), 422),
        (json!({"dataset": dataset, "version": 9}), 404),
        (json!({"dataset": dataset, "version": 0}), 404),
        (json!({"dataset": dataset, "version": -1}), 400),
        (json!({"dataset": dataset, "base": "/etc/passwd"}), 404),
        (json!({"dataset": dataset, "base": "hf:owner/repo"}), 404),
        (
            json!({"dataset": dataset, "settings": {"batch_size": 4096}}),
            422,
        ),
        (
            json!({"dataset": dataset, "settings": {"trigger": "person"}}),
            400,
        ),
        (
            json!({"dataset": dataset, "settings": {"trigger": ""}}),
            400,
        ),
        (
            json!({"dataset": dataset, "settings": {"alpha": 1e39}}),
            400,
        ),
        (json!({"dataset": dataset, "settings": {"seed": 1e39}}), 400),
        (json!({"dataset": dataset, "settings": many}), 400),
        (json!({"dataset": dataset, "settings": []}), 400),
        (json!({"dataset": dataset, "name": "../../a"}), 400),
        (json!({"dataset": dataset, "more": 1}), 400),
    ] {
        let (found, _, message) = studio.post(START, &body).await.failure();
        assert_eq!(found, status, "{body} {message}");
    }
    let deleted = format!("/api/v1/datasets/{dataset}");
    studio.call("DELETE", &deleted, &json!({})).await.ok();
    let answer = studio.post(PLAN, &json!({"dataset": dataset})).await;
    assert_eq!(answer.failure().2, "dataset `Blob faces` is in the trash");
    assert_eq!(studio.get("/api/v1/runs").await.ok()["total"], 0);
    assert_eq!(studio.get("/api/v1/jobs").await.ok()["total"], 0);
}

#[tokio::test]
async fn a_started_training_becomes_a_run_and_a_model() {
    let studio = Studio::working();
    let dataset = dataset(&studio).await;
    let body = json!({"dataset": dataset, "name": "first try", "settings": {"epochs": 2}});
    let started = studio.post(START, &body).await;
    assert_eq!(started.status, 202);
    let started = started.ok();
    assert_eq!(started["run"]["name"], "first try");
    assert_eq!(
        (&started["job"]["kind"], &started["job"]["run"]),
        (&json!("training"), &started["run"]["id"])
    );
    let again = studio.post(START, &body).await.failure();
    assert_eq!(
        (again.0, again.2.as_str()),
        (400, "there is a run `first try` already")
    );
    studio.until(&started["job"], "completed").await;
    let run = format!("/api/v1/runs/{}", text(&started["run"]["id"]));
    let run = studio.get(&run).await.ok();
    assert_eq!(
        (&run["state"], &run["done_steps"]),
        (&json!("completed"), &json!(4))
    );
    assert_eq!(run["checkpoints"].as_array().unwrap().len(), 2);
    let model = format!("/api/v1/models/{}", text(&run["model"]));
    assert_eq!(studio.get(&model).await.ok()["run"], run["id"]);
}

#[tokio::test]
async fn without_a_planner_and_a_queue_nothing_is_planned_or_begun() {
    let studio = Studio::new();
    let dataset = dataset(&studio).await;
    let body = json!({"dataset": dataset});
    for path in [PLAN, START] {
        assert_eq!(studio.post(path, &body).await.failure().0, 404);
    }
    for path in ["/api/v1/bases", "/api/v1/jobs", "/api/v1/events"] {
        assert_eq!(studio.get(path).await.failure().0, 404, "{path}");
    }
}
