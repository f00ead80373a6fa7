//! Runs are listed, read, compared, stopped and resumed, and go into the trash.

use std::sync::Arc;

use atelier_server::Limits;
use serde_json::{Value, json};

pub(crate) use crate::gate::Gate;
use crate::studio::{Studio, text};

/// A studio, and a training that waits at a gate.
pub(crate) async fn waiting(gate: &Arc<Gate>) -> (Studio, Value) {
    let studio = Studio::paced(Limits::default(), gate.pace());
    let dataset = studio.dataset("Blob faces").await;
    studio.add(&dataset, 1).await;
    let body = json!({"dataset": dataset, "settings": {"epochs": 3}});
    let started = studio.post("/api/v1/trainings", &body).await.ok();
    studio.until(&started["job"], "running").await;
    (studio, started)
}

#[tokio::test]
async fn a_run_is_stopped_and_goes_on() {
    let gate = Arc::default();
    let (studio, started) = waiting(&gate).await;
    let run = format!("/api/v1/runs/{}", text(&started["run"]["id"]));
    let post = async |what: &str| studio.post(&format!("{run}/{what}"), &json!({})).await;
    let deleted = studio.call("DELETE", &run, &json!({})).await.failure();
    assert_eq!((deleted.0, deleted.1.as_str()), (409, "conflict"));
    let stopped = post("stop").await.ok();
    assert_eq!(stopped["job"]["id"], started["job"]["id"]);
    studio.until(&started["job"], "paused").await;
    assert_eq!(studio.get(&run).await.ok()["state"], "stopped");
    gate.open();
    let resumed = post("resume").await;
    assert_eq!(resumed.status, 202);
    assert_eq!(resumed.ok()["job"]["id"], started["job"]["id"]);
    studio.until(&started["job"], "completed").await;
    assert_eq!(studio.get(&run).await.ok()["done_steps"], 3);
    assert_eq!(post("stop").await.failure().0, 400);
    let refused = post("resume").await.failure();
    assert_eq!(refused.2, "run `Blob faces-1` is completed");
}

#[tokio::test]
async fn a_run_whose_job_was_cancelled_gets_another_job() {
    let gate = Arc::default();
    let (studio, started) = waiting(&gate).await;
    let job = format!("/api/v1/jobs/{}", text(&started["job"]["id"]));
    studio.post(&format!("{job}/cancel"), &json!({})).await.ok();
    studio.until(&started["job"], "cancelled").await;
    gate.open();
    let resume = format!("/api/v1/runs/{}/resume", text(&started["run"]["id"]));
    let resumed = studio.post(&resume, &json!({})).await.ok();
    assert_ne!(resumed["job"]["id"], started["job"]["id"]);
    studio.until(&resumed["job"], "completed").await;
}

#[tokio::test]
async fn a_completed_run_makes_its_model_where_it_has_none() {
    let studio = Studio::working();
    let (run, _) = studio.trained("Blob faces", &json!({"epochs": 3})).await;
    let run = format!("/api/v1/runs/{}", text(&run["id"]));
    let resume = async || studio.post(&format!("{run}/resume"), &json!({})).await;
    let model = studio.get(&run).await.ok()["model"].take();
    let model = format!("/api/v1/models/{}", text(&model));
    studio.call("DELETE", &model, &json!({})).await.ok();
    let refused = resume().await.failure();
    assert_eq!(refused.0, 400);
    assert!(
        refused.2.contains("`Blob faces-1` is in the trash"),
        "{}",
        refused.2
    );
    let library = &studio.settings.library;
    assert_eq!(library.empty_trash(0).unwrap().models, 1);
    assert_eq!(studio.get(&run).await.ok()["has_result"], false);
    let made = resume().await.ok();
    assert_eq!(
        (&made["job"], &made["run"]["has_result"]),
        (&Value::Null, &json!(true))
    );
    let shown = studio.get(&run).await.ok();
    assert_eq!(
        (&shown["state"], &shown["done_steps"]),
        (&json!("completed"), &json!(6))
    );
    let made = format!("/api/v1/models/{}", text(&shown["model"]));
    assert_eq!(studio.get(&made).await.ok()["run"], shown["id"]);
    assert_eq!(
        resume().await.failure().2,
        "run `Blob faces-1` is completed"
    );
}

#[tokio::test]
async fn previews_are_listed_by_epoch_and_come_whole_in_part_and_small() {
    let studio = Studio::working();
    let settings = json!({"epochs": 5, "preview_every": 2, "preview_prompts": ["a blob", "a cat"]});
    let (run, _) = studio.trained("Blob faces", &settings).await;
    let path = format!("/api/v1/runs/{}/previews", text(&run["id"]));
    let all = studio.get(&path).await.ok();
    assert_eq!(all["planned_epochs"], json!([2, 4, 5]));
    assert_eq!(all["prompts"], json!(["a blob", "a cat"]));
    let epochs = all["epochs"].as_array().unwrap();
    let numbers: Vec<_> = epochs.iter().map(|one| one["epoch"].clone()).collect();
    assert_eq!(numbers, [json!(2), json!(4), json!(5)]);
    let second = &epochs[1]["previews"][1];
    assert_eq!(
        (&second["prompt"], &second["seed"]),
        (&json!("a cat"), &json!("1"))
    );
    let file = studio.get(&format!("{path}/4/1/file")).await;
    assert_eq!(
        (file.status.as_u16(), file.header("content-type")),
        (200, "image/png")
    );
    assert_eq!(json!(file.body.len()), second["size_bytes"]);
    let small = studio.get(&format!("{path}/4/1/thumbnail?side=100")).await;
    assert_eq!(
        (small.status.as_u16(), small.header("content-type")),
        (200, "image/jpeg")
    );
    for absent in ["3/0/file", "4/2/file", "4/2/thumbnail?side=64"] {
        let answer = studio.get(&format!("{path}/{absent}")).await;
        assert_eq!(answer.failure().0, 404, "{absent}");
    }
    for bad in ["4/x/file", "4/1/thumbnail?side=9", "4/1/thumbnail"] {
        let answer = studio.get(&format!("{path}/{bad}")).await;
        assert_eq!(answer.failure().0, 400, "{bad}");
    }
}

/// A run of three epochs, as its page asks for it.
async fn shown_after_training(studio: &Studio) -> Value {
    let (run, _) = studio.trained("Blob faces", &json!({"epochs": 3})).await;
    let path = format!("/api/v1/runs/{}", text(&run["id"]));
    studio.get(&path).await.ok()
}

#[tokio::test]
async fn a_run_says_where_its_settings_come_from() {
    let run = shown_after_training(&Studio::working()).await;
    let from = |name: &str| run["origins"][name].clone();
    assert_eq!(from("epochs"), "request");
    assert_eq!(from("category"), "dataset");
}

#[tokio::test]
async fn a_run_says_what_it_has_to_tell_and_in_how_many_steps_its_seconds_were_spent() {
    let run = shown_after_training(&Studio::working()).await;
    let notes = run["notes"].as_array().unwrap();
    assert!(notes.len() == 1 && text(&notes[0]).starts_with("2 captions are longer than"));
    assert_eq!(run["trained_steps"], run["done_steps"]);
}

#[tokio::test]
async fn notes_of_a_run_are_told_without_the_folders_of_the_server() {
    let studio = Studio::working();
    let (run, _) = studio.trained("Blob faces", &json!({"epochs": 3})).await;
    let id = text(&run["id"]);
    let home = studio.folder.path().join("home");
    let note = format!("cannot write `{}/packed/x`", home.display());
    let file = json!({"version": 1, "notes": [note]}).to_string();
    let path = home.join("runs").join(id).join("notes.json");
    std::fs::write(path, file).unwrap();
    let run = studio.get(&format!("/api/v1/runs/{id}")).await.ok();
    assert_eq!(run["notes"], json!(["cannot write `packed/x`"]));
}

#[tokio::test]
async fn losses_are_thinned_to_what_is_wanted() {
    let studio = Studio::working();
    let (run, _) = studio.trained("Blob faces", &json!({"epochs": 5})).await;
    let path = format!("/api/v1/runs/{}/losses", text(&run["id"]));
    let all = studio.get(&path).await.ok();
    assert_eq!(
        (&all["step"], all["points"].as_array().unwrap().len()),
        (&json!(10), 10)
    );
    let few = studio.get(&format!("{path}?points=3")).await.ok();
    let steps = few["points"].as_array().unwrap().iter();
    let steps: Vec<_> = steps.map(|point| point["step"].as_u64().unwrap()).collect();
    assert_eq!(steps, [4, 8, 10]);
    for query in ["points=0", "points=2001", "points=x", "more=1"] {
        let answer = studio.get(&format!("{path}?{query}")).await;
        assert_eq!(answer.failure().0, 400, "{query}");
    }
}

#[tokio::test]
async fn runs_are_compared_by_settings_and_pictures() {
    let studio = Studio::working();
    let (first, _) = studio
        .trained("Blob faces", &json!({"epochs": 1, "rank": 4}))
        .await;
    let dataset = text(&first["dataset"]);
    studio.add(dataset, 3).await;
    let body = json!({"dataset": dataset, "settings": {"epochs": 1, "rank": 8, "alpha": 4}});
    let second = studio.post("/api/v1/trainings", &body).await.ok();
    studio.until(&second["job"], "completed").await;
    let (other, _) = studio
        .trained("Others", &json!({"epochs": 1, "rank": 4}))
        .await;
    let ids = [&first["id"], &second["run"]["id"], &other["id"]].map(text);
    let path = format!("/api/v1/runs/compare?ids={}", ids.join(","));
    let compared = studio.get(&path).await.ok();
    assert_eq!(compared["runs"].as_array().unwrap().len(), 3);
    let expected = json!([{"name": "rank", "label": "Rank", "values": [4, 8, 4]}]);
    assert_eq!(compared["settings"], expected);
    let [changed, same] = [0, 1].map(|at| &compared["datasets"][at]);
    assert_eq!(
        (&changed["is_same"], &changed["run"]),
        (&json!(false), &json!(ids[1]))
    );
    let added = &changed["difference"]["added"];
    assert_eq!(added[0]["file_name"], "grey-3.png");
    assert_eq!(
        (&same["is_same"], &same["difference"]),
        (&json!(true), &json!(null))
    );
    let one = ids[0];
    let absent = "018f0000-0000-7000-8000-000000000000";
    for (ids, status) in [
        (String::new(), 400),
        (one.to_owned(), 400),
        (format!("{one},{one}"), 400),
        (format!("{one},x"), 400),
        (format!("{one},{absent}"), 404),
        ([absent; 6].join(","), 400),
    ] {
        let answer = studio.get(&format!("/api/v1/runs/compare?ids={ids}")).await;
        assert_eq!(answer.failure().0, status, "{ids}");
    }
}

#[tokio::test]
async fn runs_are_listed_in_pages_and_go_into_the_trash() {
    let studio = Studio::working();
    let (a, _) = studio.trained("a", &json!({"epochs": 1})).await;
    let (b, _) = studio.trained("b", &json!({"epochs": 1})).await;
    let page = studio.get("/api/v1/runs?limit=1&offset=1").await.ok();
    assert_eq!(
        (&page["runs"][0]["id"], &page["total"]),
        (&a["id"], &json!(2))
    );
    let of_b = format!("/api/v1/runs?dataset={}", text(&b["dataset"]));
    let of_b = studio.get(&of_b).await.ok();
    assert_eq!(
        (&of_b["runs"][0]["id"], &of_b["total"]),
        (&b["id"], &json!(1))
    );
    let path = format!("/api/v1/runs/{}", text(&a["id"]));
    let deleted = studio.call("DELETE", &path, &json!({})).await.ok();
    assert_eq!(deleted["trashed_ms"], 1_700_000_000_000_u64);
    assert_eq!(
        studio.call("DELETE", &path, &json!({})).await.failure().0,
        400
    );
    let trash = studio.get("/api/v1/runs?trash=true").await.ok();
    assert_eq!(trash["runs"][0]["id"], a["id"]);
    let restored = studio
        .post(&format!("{path}/restore"), &json!({}))
        .await
        .ok();
    assert_eq!(restored["trashed_ms"], json!(null));
    for query in ["limit=0", "limit=201", "dataset=x", "more=1"] {
        let answer = studio.get(&format!("/api/v1/runs?{query}")).await;
        assert_eq!(answer.failure().0, 400, "{query}");
    }
}

#[tokio::test]
async fn runs_that_are_not_there_are_not_found() {
    let studio = Studio::working();
    let absent = "018f0000-0000-7000-8000-000000000000";
    for (id, status) in [
        (absent, 404),
        ("x", 400),
        ("..%2f..%2fetc", 400),
        ("%00", 400),
    ] {
        let run = format!("/api/v1/runs/{id}");
        assert_eq!(studio.get(&run).await.failure().0, status, "{id}");
        assert_eq!(
            studio.get(&format!("{run}/losses")).await.failure().0,
            status
        );
        assert_eq!(
            studio.call("DELETE", &run, &json!({})).await.failure().0,
            status
        );
        for what in ["restore", "stop", "resume"] {
            let answer = studio.post(&format!("{run}/{what}"), &json!({})).await;
            assert_eq!(answer.failure().0, status, "{what} {id}");
        }
    }
}

#[tokio::test]
async fn what_depends_on_a_dataset_is_known_before_it_is_deleted() {
    let studio = Studio::working();
    let (run, _) = studio.trained("Blob faces", &json!({"epochs": 1})).await;
    let path = format!("/api/v1/datasets/{}", text(&run["dataset"]));
    let dependents = studio.get(&format!("{path}/dependents")).await.ok();
    assert_eq!(
        (&dependents["run_total"], &dependents["model_total"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(dependents["models"][0]["run"], run["id"]);
    studio.call("DELETE", &path, &json!({})).await.ok();
    let dependents = studio.get(&format!("{path}/dependents")).await.ok();
    assert_eq!(dependents["runs"][0]["id"], run["id"]);
    let absent = "/api/v1/datasets/018f0000-0000-7000-8000-000000000000/dependents";
    assert_eq!(studio.get(absent).await.failure().0, 404);
}
