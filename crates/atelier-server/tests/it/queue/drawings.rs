//! Drawings are asked for.

use std::sync::Arc;

use atelier_accounts::{Role, TokenScope};
use atelier_server::{Access, Limits};
use serde_json::json;

use crate::accounts::{Asker, account};
use crate::learning::runs::Gate;
use crate::studio::{Studio, text};

const DRAW: &str = "/api/v1/drawings";

#[tokio::test]
async fn a_drawing_with_models_becomes_pictures() {
    let studio = Studio::working();
    let (run, _) = studio.trained("Blob faces", &json!({"epochs": 1})).await;
    let models = json!([{"model": run["model"], "strength": 0.8}]);
    let body = json!({"prompt": "BlobV1 in a wood", "models": models, "count": 2, "steps": 3, "seed": 5, "width": 64, "height": 128});
    let job = studio.post(DRAW, &body).await;
    assert_eq!(job.status, 202);
    let job = job.ok();
    let drawing = &job["drawing"];
    assert_eq!(
        (&drawing["prompt"], &drawing["seed"]),
        (&body["prompt"], &json!(5))
    );
    assert_eq!(drawing["models"][0]["model"], run["model"]);
    assert_eq!(
        (&drawing["base"], &drawing["guidance"]),
        (&json!(null), &json!(7.0))
    );
    studio.until(&job, "completed").await;
    let path = format!("/api/v1/pictures?job={}", text(&job["id"]));
    let pictures = studio.get(&path).await.ok();
    assert_eq!(pictures["total"], 2);
    assert_eq!(
        (
            &pictures["pictures"][1]["seed"],
            &pictures["pictures"][1]["height"]
        ),
        (&json!(6), &json!(128))
    );
}

#[tokio::test]
async fn other_epochs_of_a_model_draw_too() {
    let studio = Studio::working();
    let (run, _) = studio.trained("Blob faces", &json!({"epochs": 2})).await;
    let models = json!([{"model": run["model"], "epoch": 1, "strength": 1.1}]);
    let body = json!({"models": models, "steps": 1});
    let job = studio.post(DRAW, &body).await.ok();
    assert_eq!(job["drawing"]["models"], models);
    studio.until(&job, "completed").await;
}

#[tokio::test]
async fn what_was_drawn_is_asked_for_again_as_it_was_whatever_the_model_is_now() {
    let studio = Studio::working();
    let (run, _) = studio.trained("Blob faces", &json!({"epochs": 2})).await;
    let model = text(&run["model"]);
    let path = format!("/api/v1/models/{model}");
    studio
        .call("PATCH", &path, &json!({"strength": 0.5}))
        .await
        .ok();
    let body = json!({"models": [{"model": model}], "steps": 1});
    let job = studio.post(DRAW, &body).await.ok();
    let drawn = json!([{"model": model, "epoch": 2, "strength": 0.5}]);
    assert_eq!(job["drawing"]["models"], drawn);
    let other = json!({"strength": 1.2, "epoch": 1});
    studio.call("PATCH", &path, &other).await.ok();
    let again = studio
        .post(DRAW, &json!({"models": drawn, "steps": 1}))
        .await
        .ok();
    assert_eq!(again["drawing"]["models"], drawn);
    studio.until(&again, "completed").await;
}

#[tokio::test]
async fn without_models_the_usual_base_draws() {
    let studio = Studio::working();
    let job = studio.post(DRAW, &json!({"steps": 1})).await.ok();
    assert_eq!(job["drawing"]["base"], "atelier-mini");
}

#[tokio::test]
async fn what_cannot_be_drawn_is_refused() {
    let studio = Studio::working();
    let (run, _) = studio.trained("Blob faces", &json!({"epochs": 1})).await;
    let model = text(&run["model"]);
    let absent = "018f0000-0000-7000-8000-000000000000";
    for (body, status) in [
        (json!({"steps": 0}), 400),
        (json!({"steps": 201}), 400),
        (json!({"guidance": 1e39}), 400),
        (json!({"width": 2056}), 400),
        (json!({"width": 100}), 400),
        (json!({"height": 0}), 400),
        (json!({"count": 0}), 400),
        (json!({"count": 65}), 400),
        (json!({"clip_skip": 12}), 400),
        (json!({"seed": -1}), 400),
        (json!({"sampler": "fast"}), 400),
        (json!({"prompt": "x".repeat(10_001)}), 400),
        (json!({"models": [{"model": model, "strength": 1.6}]}), 400),
        (json!({"models": [{"model": model, "strength": -0.1}]}), 400),
        (json!({"models": vec![json!({"model": model}); 9]}), 400),
        (json!({"models": [{"model": model, "epoch": 0}]}), 404),
        (json!({"models": [{"model": model, "epoch": 2}]}), 404),
        (json!({"models": [{"model": absent}]}), 404),
        (json!({"models": [{"model": "x"}]}), 400),
        (json!({"base": "/etc/passwd"}), 404),
        (json!({"base": "hf:owner/repo"}), 404),
        (json!({"adapters": ["/etc/passwd"]}), 400),
        (
            json!({"start": {"path": "/etc/passwd", "denoise": 1.0}}),
            400,
        ),
    ] {
        let (found, _, message) = studio.post(DRAW, &body).await.failure();
        assert_eq!(found, status, "{body} {message}");
    }
    let path = format!("/api/v1/models/{model}");
    studio.call("DELETE", &path, &json!({})).await.ok();
    let body = json!({"models": [{"model": model}]});
    assert_eq!(studio.post(DRAW, &body).await.failure().0, 400);
    let all = studio.post(DRAW, &json!({"steps": 0, "count": 0})).await;
    assert_eq!(
        all.json()["error"]["details"]["problems"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let words =
        json!({"steps": 0, "prompt": "a cat <lora:absent:1>", "models": [{"model": absent}]});
    let all = studio.post(DRAW, &words).await;
    let problems = all.json()["error"]["details"]["problems"].take();
    assert_eq!(problems.as_array().unwrap().len(), 2, "{problems}");
    let words = json!({"steps": 0, "prompt": "a cat <lora:absent:1>"});
    let (status, code, message) = studio.post(DRAW, &words).await.failure();
    assert_eq!((status, code.as_str()), (400, "invalid_input"));
    let told = "`steps` must lie between 1 and 200; no adapter `absent`: near it are `present`";
    assert!(message.ends_with(told), "{message}");
}

#[tokio::test]
async fn seeds_are_the_same_from_end_to_end() {
    let studio = Studio::working();
    for (seed, digits) in [
        (json!("18446744073709551615"), "18446744073709551615"),
        (json!(9_007_199_254_740_993_u64), "9007199254740993"),
        (json!("7"), "7"),
    ] {
        let body = json!({"seed": seed, "steps": 1});
        let job = studio.post(DRAW, &body).await.ok();
        assert_eq!(job["drawing"]["seed_text"], digits);
        assert_eq!(job["drawing"]["seed"].to_string(), digits);
        studio.until(&job, "completed").await;
        let path = format!("/api/v1/pictures?job={}", text(&job["id"]));
        let pictures = studio.get(&path).await.ok();
        assert_eq!(pictures["pictures"][0]["seed_text"], digits);
    }
    for seed in [
        json!(-1),
        json!(1.5),
        json!("-1"),
        json!("x"),
        json!("18446744073709551616"),
    ] {
        let (_, _, message) = studio.post(DRAW, &json!({"seed": seed})).await.failure();
        assert!(message.contains("its digits as text"), "{message}");
    }
}

#[tokio::test]
async fn a_full_queue_takes_no_more() {
    let gate: Arc<Gate> = Arc::default();
    let limits = Limits {
        open_jobs: 2,
        ..Limits::default()
    };
    let studio = Studio::paced(limits, gate.pace());
    for _ in 0..2 {
        studio.post(DRAW, &json!({})).await.ok();
    }
    let (status, code, _) = studio.post(DRAW, &json!({})).await.failure();
    assert_eq!((status, code.as_str()), (429, "busy"));
    // Nor through what was given up before.
    let jobs = studio.get("/api/v1/jobs").await.ok();
    let given_up = format!("/api/v1/jobs/{}", text(&jobs["jobs"][0]["id"]));
    let cancelled = studio
        .post(&format!("{given_up}/cancel"), &json!({}))
        .await
        .ok();
    studio.until(&cancelled, "cancelled").await;
    studio.post(DRAW, &json!({})).await.ok();
    let retried = studio.post(&format!("{given_up}/retry"), &json!({})).await;
    assert_eq!(retried.failure().0, 429);
}

#[tokio::test]
async fn no_account_fills_the_queue_of_all() {
    let gate: Arc<Gate> = Arc::default();
    let limits = Limits {
        open_jobs: 10,
        ..Limits::default()
    };
    let mut studio = Studio::paced(limits, gate.pace());
    studio.guard(Access {
        needs_login: true,
        ..Access::default()
    });
    let draw = json!({});
    account(&studio, "olga", Role::Owner);
    let names = ["mia", "max", "ana", "ben", "eve"];
    let members = names.map(|name| Asker::new(&studio, name, Role::Member));
    for member in &members {
        for _ in 0..2 {
            // Of the last one's there is room for one alone.
            let answer = member.post(DRAW, &draw).await;
            assert!(matches!(answer.status.as_u16(), 202 | 429));
        }
    }
    let (status, code, message) = members[0].post(DRAW, &draw).await.failure();
    assert_eq!((status, code.as_str()), (429, "busy"));
    assert!(message.contains("2 jobs of this account"), "{message}");
    let (_, _, message) = members[4].post(DRAW, &draw).await.failure();
    assert_eq!(message, "the queue has 9 jobs already");
    let olga = Asker::with(&studio, "olga", TokenScope::All);
    olga.post(DRAW, &draw).await.ok();
    assert_eq!(olga.post(DRAW, &draw).await.failure().0, 429);
}
