//! Whose things are whose: what somebody may not see is not there, in addresses and in bodies.

use std::sync::Arc;

use atelier_accounts::{Role, TokenScope};
use atelier_server::{Access, Limits};
use axum::body::Body;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::{Asker, guarded, token};
use crate::gate::Gate;
use crate::studio::{Studio, picture, text};

/// What mia made, by ids.
struct Things {
    dataset: String,
    image: String,
    run: String,
    model: String,
    training: String,
    drawing: String,
    picture: String,
}

async fn things(studio: &Studio, mia: &Asker<'_>) -> Things {
    let about = json!({"name": "faces", "trigger_word": "BlobV1"});
    let dataset = mia.post("/api/v1/datasets", &about).await.ok();
    let dataset = text(&dataset["id"]).to_owned();
    let (one, two) = (picture(1), picture(2));
    let added = mia
        .upload(&dataset, &[("1.png", &one), ("2.png", &two)])
        .await
        .ok();
    let wanted = json!({"dataset": dataset, "settings": {}});
    let started = mia.post("/api/v1/trainings", &wanted).await.ok();
    until_over(studio, &started["job"]).await;
    let run = text(&started["run"]["id"]).to_owned();
    let model = mia.get(&format!("/api/v1/runs/{run}")).await.ok()["model"].clone();
    let draw = json!({"prompt": "a cat", "count": 1, "steps": 1, "models": [{"model": model}]});
    let drawing = mia.post("/api/v1/drawings", &draw).await.ok();
    until_over(studio, &drawing).await;
    let pictures = format!("/api/v1/pictures?job={}", text(&drawing["id"]));
    let pictures = mia.get(&pictures).await.ok();
    Things {
        dataset,
        image: text(&added["files"][0]["image"]).to_owned(),
        run,
        model: text(&model).to_owned(),
        training: text(&started["job"]["id"]).to_owned(),
        drawing: text(&drawing["id"]).to_owned(),
        picture: text(&pictures["pictures"][0]["id"]).to_owned(),
    }
}

/// Waits until a job is completed, as the machine sees it.
pub(super) async fn until_over(studio: &Studio, job: &Value) {
    let queue = studio.services.queue.clone().unwrap();
    let id = text(&job["id"]).parse().unwrap();
    let look = move || {
        let mut revision = 0;
        while queue.snapshot(id).unwrap().job.state.is_open() {
            revision = queue
                .changes(revision, std::time::Duration::from_secs(30))
                .revision;
        }
        queue.snapshot(id).unwrap().job.state.name()
    };
    let state = tokio::task::spawn_blocking(look).await.unwrap();
    assert_eq!(state, "completed");
}

#[tokio::test]
async fn other_peoples_ids_are_not_found_in_addresses() {
    let studio = guarded();
    let mia = Asker::new(&studio, "mia", Role::Member);
    let max = Asker::new(&studio, "max", Role::Member);
    let vera = Asker::new(&studio, "vera", Role::Viewer);
    let it = things(&studio, &mia).await;
    let Things {
        dataset,
        image,
        run,
        model,
        training,
        drawing,
        picture,
    } = &it;
    let own = [
        format!("/api/v1/datasets/{dataset}"),
        format!("/api/v1/datasets/{dataset}/versions"),
        format!("/api/v1/datasets/{dataset}/versions/latest"),
        format!("/api/v1/datasets/{dataset}/versions/latest/export"),
        format!("/api/v1/datasets/{dataset}/dependents"),
        format!("/api/v1/datasets/{dataset}/diff?from=1&to=2"),
        format!("/api/v1/datasets/{dataset}/images/{image}/file"),
        format!("/api/v1/datasets/{dataset}/images/{image}/thumbnail?side=64"),
        format!("/api/v1/runs/{run}"),
        format!("/api/v1/runs/{run}/losses"),
        format!("/api/v1/runs/{run}/previews"),
        format!("/api/v1/models/{model}"),
        format!("/api/v1/models/{model}/file"),
        format!("/api/v1/models/{model}/export?format=peft"),
        format!("/api/v1/models/{model}/lineage"),
        format!("/api/v1/jobs/{training}"),
        format!("/api/v1/jobs/{drawing}"),
        format!("/api/v1/pictures/{picture}"),
        format!("/api/v1/pictures/{picture}/file"),
        format!("/api/v1/pictures/{picture}/thumbnail?side=64"),
    ];
    for path in &own {
        assert_eq!(mia.get(path).await.status, 200, "{path}");
        for other in [&max, &vera] {
            let (status, code, _) = other.get(path).await.failure();
            assert_eq!((status, code.as_str()), (404, "not_found"), "{path}");
        }
    }
    for (method, path) in [
        ("DELETE", format!("/api/v1/datasets/{dataset}")),
        ("POST", format!("/api/v1/datasets/{dataset}/restore")),
        ("DELETE", format!("/api/v1/runs/{run}")),
        ("POST", format!("/api/v1/runs/{run}/restore")),
        ("POST", format!("/api/v1/runs/{run}/stop")),
        ("POST", format!("/api/v1/runs/{run}/resume")),
        ("DELETE", format!("/api/v1/models/{model}")),
        ("POST", format!("/api/v1/models/{model}/restore")),
        ("POST", format!("/api/v1/jobs/{training}/retry")),
        ("POST", format!("/api/v1/jobs/{drawing}/cancel")),
        ("DELETE", format!("/api/v1/pictures/{picture}")),
        ("POST", format!("/api/v1/pictures/{picture}/restore")),
    ] {
        assert_eq!(max.status(method, &path).await, 404, "{method} {path}");
        assert_eq!(vera.status(method, &path).await, 403, "{method} {path}");
    }
    let lists = ["datasets", "runs", "models", "jobs", "pictures"];
    for list in lists {
        let path = format!("/api/v1/{list}");
        assert_ne!(mia.get(&path).await.ok()["total"], 0, "{list}");
        assert_eq!(max.get(&path).await.ok()["total"], 0, "{list}");
    }
}

#[tokio::test]
async fn other_peoples_ids_are_not_found_in_bodies_and_questions() {
    let studio = guarded();
    let mia = Asker::new(&studio, "mia", Role::Member);
    let max = Asker::new(&studio, "max", Role::Member);
    let Things {
        dataset,
        image,
        run,
        model,
        drawing,
        picture,
        ..
    } = things(&studio, &mia).await;
    let own = max
        .post("/api/v1/datasets", &json!({"name": "own"}))
        .await
        .ok();
    let own = text(&own["id"]);
    for (path, body) in [
        (
            "/api/v1/trainings",
            json!({"dataset": dataset, "settings": {}}),
        ),
        (
            "/api/v1/trainings/plan",
            json!({"dataset": dataset, "settings": {}}),
        ),
        (
            "/api/v1/drawings",
            json!({"prompt": "a", "steps": 1, "models": [{"model": model}]}),
        ),
        ("/api/v1/models", json!({"run": run, "epoch": 1})),
        (
            "/api/v1/start-pictures/from-library",
            json!({"picture": picture}),
        ),
        (
            "/api/v1/start-pictures/from-library",
            json!({"dataset": dataset, "image": image}),
        ),
    ] {
        let (status, _, message) = max.post(path, &body).await.failure();
        // A drawing tells everything that is wrong with it together.
        assert!(
            status == 404 || (status == 400 && message.contains("there is no")),
            "{path} {status} {message}"
        );
    }
    let add = format!("/api/v1/datasets/{own}/images/from-picture");
    assert_eq!(
        max.post(&add, &json!({"picture": picture}))
            .await
            .failure()
            .0,
        404
    );
    let compared = max
        .get(&format!("/api/v1/runs/compare?ids={run},{run}"))
        .await;
    assert!(compared.status == 404 || compared.status == 400);
    for path in [
        format!("/api/v1/pictures?job={drawing}"),
        format!("/api/v1/pictures?model={model}"),
        format!("/api/v1/runs?dataset={dataset}"),
        format!("/api/v1/models?dataset={dataset}"),
    ] {
        let answer = max.get(&path).await;
        let is_nothing = answer.status == 404 || answer.json()["total"] == 0;
        assert!(is_nothing, "{path}");
    }
    let judged = max
        .post("/api/v1/trigger-words/judge", &json!({"word": "BlobV1"}))
        .await
        .ok();
    assert!(!judged.to_string().contains("faces"), "{judged}");
}

#[tokio::test]
async fn a_shared_model_is_used_by_others_and_leads_to_nothing_else() {
    let studio = guarded();
    let mia = Asker::new(&studio, "mia", Role::Member);
    let max = Asker::new(&studio, "max", Role::Member);
    let it = things(&studio, &mia).await;
    let model = format!("/api/v1/models/{}", it.model);
    let share = |is_shared: bool| json!({"shared": is_shared});
    let shared = format!("{model}/shared");
    assert_eq!(
        max.call("PUT", &shared, &share(true)).await.failure().0,
        404
    );
    let seen = mia.call("PUT", &shared, &share(true)).await.ok();
    assert_eq!(
        (&seen["shared"], &seen["owner"]),
        (&json!(true), &json!("mia"))
    );

    let seen = max.get(&model).await.ok();
    assert_eq!(
        (&seen["owner"], &seen["dataset"], &seen["run"]),
        (&json!("mia"), &Value::Null, &Value::Null)
    );
    assert_eq!(seen["dataset_name"], "faces");
    assert_eq!(max.get(&format!("{model}/file")).await.status, 200);
    let lineage = max.get(&format!("{model}/lineage")).await.ok();
    assert_eq!(lineage["run"], Value::Null);
    assert_eq!(
        max.call("PATCH", &model, &json!({"name": "mine"}))
            .await
            .failure()
            .0,
        403
    );
    assert_eq!(max.status("DELETE", &model).await, 403);
    assert_eq!(
        max.call("PUT", &shared, &share(false)).await.failure().0,
        403
    );
    let draw = json!({"prompt": "a", "count": 1, "steps": 1, "models": [{"model": it.model}]});
    let drawing = max.post("/api/v1/drawings", &draw).await.ok();
    until_over(&studio, &drawing).await;
    let pictures = max.get("/api/v1/pictures").await.ok();
    assert_eq!(
        (&pictures["total"], &pictures["pictures"][0]["owner"]),
        (&json!(1), &json!("max"))
    );
    // Whose model it is does not see what others draw with it.
    let drawn = mia
        .get(&format!("/api/v1/pictures?model={}", it.model))
        .await
        .ok();
    assert_eq!(drawn["total"], 1);

    let picture = format!("/api/v1/pictures/{}/shared", it.picture);
    mia.call("PUT", &picture, &share(true)).await.ok();
    assert_eq!(max.get("/api/v1/pictures").await.ok()["total"], 2);
    let olga = Asker::with(&studio, "olga", TokenScope::All);
    assert_eq!(olga.get("/api/v1/pictures").await.ok()["total"], 2);
    olga.call("PUT", &shared, &share(false)).await.ok();
    assert_eq!(max.get(&model).await.failure().0, 404);
}

#[tokio::test]
async fn events_tell_of_jobs_that_may_be_seen() {
    let studio = guarded();
    let mia = Asker::new(&studio, "mia", Role::Member);
    let max = Asker::new(&studio, "max", Role::Member);
    let draw = json!({"prompt": "a cat", "count": 1, "steps": 1});
    let drawing = mia.post("/api/v1/drawings", &draw).await.ok();
    until_over(&studio, &drawing).await;
    let id = text(&drawing["id"]);
    for (asker, sees) in [(&mia, true), (&max, false)] {
        let asked = asker.request("GET", "/api/v1/events").body(Body::empty());
        let response = studio.response(asked.unwrap()).await;
        let first = response.into_body().frame().await.unwrap().unwrap();
        let first = String::from_utf8_lossy(&first.into_data().unwrap()).into_owned();
        assert!(
            first.contains("event: jobs") && first.contains(id) == sees,
            "{first}"
        );
    }
}

#[tokio::test]
async fn prompts_are_judged_by_what_whoever_asks_may_see() {
    let studio = guarded();
    let mia = Asker::new(&studio, "mia", Role::Member);
    let wanted = json!({"prompt": "<lora:private:1> a cat", "steps": 1});
    let (status, _, message) = mia.post("/api/v1/drawings", &wanted).await.failure();
    assert_eq!(status, 400);
    assert!(message.contains("no adapter `private`"), "{message}");
    // The user of the machine has it.
    let machine = Asker {
        studio: &studio,
        token: Some(token(&studio, None, TokenScope::Write)),
    };
    machine.post("/api/v1/drawings", &wanted).await.ok();
}

#[tokio::test]
async fn start_pictures_edits_and_previews_are_for_those_alone_whose_they_are() {
    let studio = guarded();
    let mia = Asker::new(&studio, "mia", Role::Member);
    let max = Asker::new(&studio, "max", Role::Member);
    let it = things(&studio, &mia).await;
    let start = json!({"dataset": it.dataset, "image": it.image});
    let start = mia.post("/api/v1/start-pictures/from-library", &start);
    let start = text(&start.await.ok()["id"]).to_owned();
    for path in ["", "/file", "/thumbnail?side=64"] {
        let path = format!("/api/v1/start-pictures/{start}{path}");
        assert_eq!(mia.get(&path).await.status, 200, "{path}");
        assert_eq!(max.get(&path).await.failure().0, 404, "{path}");
    }
    let over = json!({"steps": 1, "start": {"picture": start, "denoise": 0.5}});
    let (_, _, message) = max.post("/api/v1/drawings", &over).await.failure();
    assert!(message.contains("there is no"), "{message}");
    let edit = json!({"edits": [{"remove": {"image": it.image}}]});
    let edits = format!("/api/v1/datasets/{}/edits", it.dataset);
    assert_eq!(max.post(&edits, &edit).await.failure().0, 404);
    let one = picture(3);
    let added = max.upload(&it.dataset, &[("3.png", &one)]).await;
    assert_eq!(added.failure().0, 404);
    for part in ["file", "thumbnail?side=64"] {
        let path = format!("/api/v1/runs/{}/previews/1/1/{part}", it.run);
        assert_eq!(max.get(&path).await.failure().0, 404, "{path}");
    }
}

#[tokio::test]
async fn what_a_job_waits_for_has_no_name_for_others() {
    let gate: Arc<Gate> = Arc::default();
    let mut studio = Studio::paced(Limits::default(), gate.pace());
    studio.guard(Access {
        needs_login: true,
        ..Access::default()
    });
    let mia = Asker::new(&studio, "mia", Role::Member);
    let max = Asker::new(&studio, "max", Role::Member);
    let mut jobs = Vec::new();
    for (asker, name) in [(&mia, "secret client"), (&max, "plain"), (&mia, "another")] {
        let about = json!({"name": name, "trigger_word": "BlobV1"});
        let dataset = asker.post("/api/v1/datasets", &about);
        let dataset = text(&dataset.await.ok()["id"]).to_owned();
        let (one, two) = (picture(1), picture(2));
        let files: [(&str, &[u8]); 2] = [("1.png", &one), ("2.png", &two)];
        asker.upload(&dataset, &files).await.ok();
        let wanted = json!({"dataset": dataset, "settings": {}});
        let started = asker.post("/api/v1/trainings", &wanted).await.ok();
        jobs.push(text(&started["job"]["id"]).to_owned());
    }
    let waiting = async |asker: &Asker<'_>, job: &str| {
        let path = format!("/api/v1/jobs/{job}");
        loop {
            let job = asker.get(&path).await.ok();
            if let Some(waiting) = job["waiting"].as_str() {
                return waiting.to_owned();
            }
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(
        waiting(&max, &jobs[1]).await,
        "waits: another run is being trained"
    );
    let own = waiting(&mia, &jobs[2]).await;
    assert_eq!(own, "waits: run `secret client-1` is being trained");
    // What is shared is read by all.
    let run = text(&mia.get(&format!("/api/v1/jobs/{}", jobs[2])).await.ok()["run"]).to_owned();
    let share = format!("/api/v1/runs/{run}/shared");
    mia.call("PUT", &share, &json!({"shared": true})).await.ok();
    loop {
        let shared = waiting(&max, &jobs[2]).await;
        if shared == "waits: another run is being trained" {
            break;
        }
        tokio::task::yield_now().await;
    }
    gate.open();
}

#[tokio::test]
async fn a_run_that_is_shared_no_longer_is_gone_from_the_events() {
    let studio = guarded();
    let mia = Asker::new(&studio, "mia", Role::Member);
    let max = Asker::new(&studio, "max", Role::Member);
    let it = things(&studio, &mia).await;
    let shared = format!("/api/v1/runs/{}/shared", it.run);
    let events = async || {
        let asked = max.request("GET", "/api/v1/events").body(Body::empty());
        let response = studio.response(asked.unwrap()).await;
        let first = response.into_body().frame().await.unwrap().unwrap();
        String::from_utf8_lossy(&first.into_data().unwrap()).into_owned()
    };
    for is_shared in [true, false] {
        let share = json!({"shared": is_shared});
        mia.call("PUT", &shared, &share).await.ok();
        let told = events().await;
        assert_eq!(told.contains(&it.training), is_shared, "{told}");
    }
}

#[tokio::test]
async fn owners_alone_say_who_has_their_turn_first() {
    let studio = guarded();
    let mia = Asker::new(&studio, "mia", Role::Member);
    let it = things(&studio, &mia).await;
    let job = format!("/api/v1/jobs/{}", it.drawing);
    let first = json!({"priority": 5});
    assert_eq!(mia.call("PATCH", &job, &first).await.failure().0, 403);
    let olga = Asker::with(&studio, "olga", TokenScope::All);
    assert_eq!(olga.call("PATCH", &job, &first).await.ok()["priority"], 5);
    assert_eq!(mia.get(&job).await.ok()["priority"], 5);
    // What the machine says to itself is for them as well.
    let log = format!("{job}/log");
    assert_eq!(mia.get(&log).await.failure().0, 403);
    let told = olga.get(&log).await;
    assert_eq!(
        (told.status.as_u16(), told.header("content-type")),
        (200, "text/plain; charset=utf-8")
    );
}
