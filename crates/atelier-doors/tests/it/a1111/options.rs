//! Options that are set, and those that a request lays over them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use atelier_core::{
    BaseAbout, BoxedError, Category, GenerateRequest, PlannedTraining, Planner, TrainingWish,
    WordFinding,
};
use atelier_server::Access;
use serde_json::{Value, json};

use super::{API, pictures, refusal, taken};
use crate::pretend::PretendPlanner;
use crate::studio::Studio;

#[tokio::test]
async fn options_hold_for_what_comes_after() {
    let studio = Studio::working();
    let usual = studio.read("/options").await;
    assert_eq!(usual["sd_model_checkpoint"], "atelier-mini");
    assert_eq!(usual["CLIP_stop_at_last_layers"], 1);
    let set = json!({
        "sd_model_checkpoint": "Dreamy.safetensors [0123456789]", "CLIP_stop_at_last_layers": 2, "randn_source": "NV",
        "samples_save": true,
    });
    assert_eq!(studio.tell("/options", &set).await, json!(null));
    let options = studio.read("/options").await;
    assert_eq!(options["sd_model_checkpoint"], "dreamy");
    assert_eq!(options["CLIP_stop_at_last_layers"], 2);
    let small = json!({"width": 64, "height": 64, "steps": 1});
    taken(&studio.draw(&small).await);
    let drawing = &studio.jobs().await[0]["drawing"];
    assert_eq!(
        (&drawing["base"], &drawing["clip_skip"], &drawing["noise"]),
        (&json!("dreamy"), &json!(1), &json!("torch-cuda"))
    );
}

#[tokio::test]
async fn overrides_hold_for_one_request_unless_they_are_to_stay() {
    let studio = Studio::working();
    let mut wanted = json!({
        "width": 64, "height": 64, "steps": 1, "override_settings": {"sd_model_checkpoint": "dreamy"},
    });
    pictures(&taken(&studio.draw(&wanted).await));
    assert_eq!(studio.jobs().await[0]["drawing"]["base"], "dreamy");
    assert_eq!(
        studio.read("/options").await["sd_model_checkpoint"],
        "atelier-mini"
    );
    wanted["override_settings_restore_afterwards"] = json!(false);
    pictures(&taken(&studio.draw(&wanted).await));
    assert_eq!(
        studio.read("/options").await["sd_model_checkpoint"],
        "dreamy"
    );
}

#[tokio::test]
async fn what_is_set_at_the_same_time_is_all_kept() {
    let studio = Studio::working();
    let lasting = |settings: Value| {
        json!({
            "width": 64, "height": 64, "steps": 1, "override_settings": settings,
            "override_settings_restore_afterwards": false,
        })
    };
    for ((base, layers, source), before) in [
        (("dreamy", 2, "GPU"), ("atelier-mini", 1, "CPU")),
        (("atelier-mini", 3, "CPU"), ("dreamy", 1, "GPU")),
    ] {
        let [of_base, of_layers, of_noise] = [
            json!({"sd_model_checkpoint": base}),
            json!({"CLIP_stop_at_last_layers": layers}),
            json!({"randn_source": source}),
        ];
        let are_set = async |how: &str| {
            let options = studio.read("/options").await;
            assert_eq!(options["sd_model_checkpoint"], base, "{how}");
            assert_eq!(options["CLIP_stop_at_last_layers"], layers, "{how}");
            assert_eq!(options["randn_source"], source, "{how}");
        };
        tokio::join!(
            studio.tell("/options", &of_base),
            studio.tell("/options", &of_layers),
            studio.tell("/options", &of_noise),
        );
        are_set("options").await;
        let before = json!({
            "sd_model_checkpoint": before.0, "CLIP_stop_at_last_layers": before.1, "randn_source": before.2,
        });
        studio.tell("/options", &before).await;
        let [of_base, of_layers, of_noise] = [of_base, of_layers, of_noise].map(lasting);
        let drawn = tokio::join!(
            studio.draw(&of_base),
            studio.draw(&of_layers),
            studio.draw(&of_noise),
        );
        for answer in [drawn.0, drawn.1, drawn.2] {
            taken(&answer);
        }
        are_set("drawings").await;
    }
}

#[tokio::test]
async fn what_is_called_none_is_nothing() {
    let studio = Studio::working();
    let set = json!({"sd_model_checkpoint": "dreamy", "sd_hypernetwork": "None", "sd_vae": "none"});
    studio.tell("/options", &set).await;
    let options = studio.read("/options").await;
    assert_eq!(options["sd_model_checkpoint"], "dreamy");
    let wanted = json!({
        "width": 64, "height": 64, "steps": 1, "refiner_checkpoint": "None",
        "override_settings": {"sd_hypernetwork": "none", "sd_vae": "automatic"},
    });
    pictures(&taken(&studio.draw(&wanted).await));
    for wanted in [
        json!({"refiner_checkpoint": "dreamy"}),
        json!({"override_settings": {"sd_hypernetwork": "ink"}}),
    ] {
        let refused = studio.draw(&wanted).await;
        assert_eq!(refusal(&refused).0, 501, "{wanted}");
    }
}

/// A planner whose bases but the usual one can go.
struct Losing(Arc<AtomicBool>);

impl Planner for Losing {
    fn list_bases(&self) -> Result<Vec<BaseAbout>, BoxedError> {
        let mut bases = PretendPlanner.list_bases()?;
        if self.0.load(Ordering::SeqCst) {
            bases.truncate(1);
        }
        Ok(bases)
    }

    fn plan_training(&self, wish: &TrainingWish) -> Result<PlannedTraining, BoxedError> {
        PretendPlanner.plan_training(wish)
    }

    fn check_adapter(&self, base: &str, file: &Path) -> Result<(), BoxedError> {
        PretendPlanner.check_adapter(base, file)
    }

    fn drawing_bytes(&self, base: &str, request: &GenerateRequest) -> Result<u64, BoxedError> {
        PretendPlanner.drawing_bytes(base, request)
    }

    fn judge_trigger(
        &self,
        word: &str,
        category: Category,
        used_words: &[(String, String)],
    ) -> Result<Vec<WordFinding>, BoxedError> {
        PretendPlanner.judge_trigger(word, category, used_words)
    }
}

#[tokio::test]
async fn a_base_that_was_set_and_is_gone_is_the_usual_one_for_drawings_too() {
    let mut studio = Studio::working();
    let is_gone: Arc<AtomicBool> = Arc::default();
    studio.services.planner = Some(Arc::new(Losing(Arc::clone(&is_gone))));
    studio.guard(Access::default());
    let set = json!({"sd_model_checkpoint": "dreamy"});
    studio.tell("/options", &set).await;
    let small = json!({"width": 64, "height": 64, "steps": 1});
    for (gone, base) in [(false, "dreamy"), (true, "atelier-mini")] {
        is_gone.store(gone, Ordering::SeqCst);
        let options = studio.read("/options").await;
        assert_eq!(options["sd_model_checkpoint"], base);
        taken(&studio.draw(&small).await);
        assert_eq!(studio.jobs().await[0]["drawing"]["base"], base);
    }
    // One that is asked for by its name is still refused.
    let named = json!({"override_settings": {"sd_model_checkpoint": "dreamy"}});
    assert_eq!(refusal(&studio.draw(&named).await).0, 404);
}

#[tokio::test]
async fn options_that_cannot_be_change_nothing() {
    let studio = Studio::working();
    for (options, status) in [
        (json!({"sd_model_checkpoint": "nobody's"}), 404),
        (
            json!({"sd_model_checkpoint": "dreamy", "CLIP_stop_at_last_layers": 99}),
            422,
        ),
        (json!({"sd_model_checkpoint": 7}), 422),
        (json!({"sd_vae": "other"}), 501),
        (json!({"eta_noise_seed_delta": 31337}), 501),
        (json!([]), 422),
    ] {
        let refused = studio.post(&format!("{API}/options"), &options).await;
        assert_eq!(refusal(&refused).0, status, "{options}");
    }
    assert_eq!(
        studio.read("/options").await["sd_model_checkpoint"],
        "atelier-mini"
    );
}
