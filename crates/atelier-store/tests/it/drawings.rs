//! What drawings start from, and which models took part in them.

use atelier_core::{CancelFlag, JobKind, Seed};
use atelier_store::{
    Job, JobId, JobStart, Model, NewJob, NewModel, NewPicture, Picture, StartPicture, TRASH_DAYS,
};
use serde_json::{Value, json};

use crate::runs::adapter_on;
use crate::{Studio, about, picture};

fn new(request: Value) -> NewJob {
    NewJob {
        id: JobId::unused(),
        kind: JobKind::Generation,
        priority: 0,
        request,
    }
}

fn start(studio: &Studio, name: &str, shade: u8) -> StartPicture {
    let hold = studio.library.blobs().hold().unwrap();
    let image = studio.library.keep_image(&hold, name, &picture(shade));
    let kept = studio
        .library
        .create_start_picture(&hold, name, image.unwrap());
    kept.unwrap()
}

/// What a job drew.
fn draw(studio: &Studio, job: &Job, seeds: &[u64], recipe: &Value) -> Vec<Picture> {
    let library = &studio.library;
    library.begin_attempt(job.id, 0, 0).unwrap();
    let hold = library.blobs().hold().unwrap();
    let pictures = seeds.iter().map(|&seed| NewPicture {
        hash: library.blobs().put(&hold, &seed.to_le_bytes()).unwrap(),
        size_bytes: 8,
        width: 64,
        height: 48,
        seed: Seed(seed),
        recipe: recipe.clone(),
    });
    let pictures = pictures.collect();
    library.complete_generation(job.id, 1, pictures).unwrap()
}

fn model(studio: &Studio, name: &str) -> Model {
    let file = studio.path(&format!("{name}.safetensors"));
    fs_err::write(&file, adapter_on(name, 1)).unwrap();
    let new = NewModel {
        about: about(name),
        strength: None,
        base: "atelier-mini".to_owned(),
        base_hash: None,
    };
    studio.library.import_model(new, &file).unwrap()
}

#[test]
fn start_pictures_that_nothing_starts_from_go_after_a_day() {
    let studio = Studio::new();
    let library = &studio.library;
    let kept = start(&studio, "me/beach.png", 7);
    assert_eq!((kept.name.as_str(), kept.width), ("beach.png", 40));
    assert_eq!(library.get_start_picture(kept.id).unwrap(), kept);
    assert_eq!(library.empty_trash(0).unwrap().start_pictures, 0);
    studio.clock.forward(1);
    let emptied = library.empty_trash(TRASH_DAYS).unwrap();
    assert_eq!((emptied.start_pictures, emptied.files), (1, Some(1)));
    assert!(library.get_start_picture(kept.id).is_err());
    assert!(!library.blobs().path(&kept.hash).exists());
}

#[test]
fn what_a_drawing_started_from_stays_with_its_pictures() {
    let studio = Studio::new();
    let library = &studio.library;
    let (beach, mask) = (start(&studio, "a.png", 7), start(&studio, "m.png", 8));
    let from = JobStart {
        picture: beach.id,
        mask: Some(mask.id),
    };
    let job = library.create_drawing(new(json!({})), from).unwrap();
    let failed = library.create_drawing(new(json!({})), from).unwrap();
    library.begin_attempt(failed.id, 0, 0).unwrap();
    library.fail_attempt(failed.id, 1, "io", "x").unwrap();
    let drawn = draw(&studio, &job, &[1], &json!({}));
    studio.clock.forward(2 * TRASH_DAYS);
    assert_eq!(library.empty_trash(TRASH_DAYS).unwrap().start_pictures, 0);
    library.delete_picture(drawn[0].id).unwrap();
    // It can be taken back with everything that it was drawn from.
    assert_eq!(library.empty_trash(TRASH_DAYS).unwrap().start_pictures, 0);
    assert!(studio.check().problems.is_empty());
    studio.clock.forward(TRASH_DAYS);
    let emptied = library.empty_trash(TRASH_DAYS).unwrap();
    assert_eq!((emptied.pictures, emptied.start_pictures), (1, 2));
    assert!(library.get_job(job.id).is_err() && library.get_job(failed.id).is_err());
    assert!(studio.check().unnamed.is_empty());
}

#[test]
fn jobs_that_wait_keep_what_they_start_from_and_none_starts_from_nothing() {
    let studio = Studio::new();
    let library = &studio.library;
    let beach = start(&studio, "a.png", 7);
    let from = |picture| JobStart {
        picture,
        mask: None,
    };
    library
        .create_drawing(new(json!({})), from(beach.id))
        .unwrap();
    studio.clock.forward(2 * TRASH_DAYS);
    assert_eq!(library.empty_trash(0).unwrap().start_pictures, 0);
    let absent = "018f0000-0000-7000-8000-000000000000".parse().unwrap();
    let refused = library.create_drawing(new(json!({})), from(absent));
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("no start picture"), "{message}");
    assert_eq!(library.page_of_jobs((0, 9)).unwrap().total, 1);
}

#[test]
fn backups_and_checks_know_start_pictures() {
    let studio = Studio::new();
    let library = &studio.library;
    let beach = start(&studio, "beach.png", 7);
    let folder = studio.path("backup");
    library.back_up(&folder, &CancelFlag::default()).unwrap();
    let checked = atelier_store::check(&folder, &CancelFlag::default()).unwrap();
    assert_eq!((checked.files, checked.problems.len()), (1, 0));
    fs_err::remove_file(library.blobs().path(&beach.hash)).unwrap();
    let problems = studio.check().problems;
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("of start picture `beach.png` is gone"));
}

#[test]
fn pictures_are_found_by_the_models_that_were_asked_for_or_named_by_their_prompt() {
    let studio = Studio::new();
    let library = &studio.library;
    let (faces, cats) = (model(&studio, "faces"), model(&studio, "cats"));
    let request = json!({"models": [{"model": faces.id}]});
    let asked = library.create_job(new(request)).unwrap();
    let asked = draw(&studio, &asked, &[1, 2], &json!({}));
    studio.clock.forward(1);
    let named = library.create_job(new(json!({"models": []}))).unwrap();
    let recipe = json!({"adapters": [{"sha256": faces.hash}, {"sha256": cats.hash}]});
    let named = draw(&studio, &named, &[3], &recipe);
    let none = library.create_job(new(json!({}))).unwrap();
    draw(&studio, &none, &[4], &json!({"adapters": []}));
    let of = |model: &Model, job, is_trash| {
        let page = library.page_of_pictures_with((model.id, job), is_trash, (0, 10));
        let page = page.unwrap();
        assert_eq!(page.total as usize, page.pictures.len());
        let ids = page.pictures.into_iter().map(|picture| picture.id);
        ids.collect::<Vec<_>>()
    };
    assert_eq!(
        of(&faces, None, false),
        [named[0].id, asked[0].id, asked[1].id]
    );
    assert_eq!(of(&faces, asked[0].job, false), [asked[0].id, asked[1].id]);
    assert_eq!(of(&cats, None, false), [named[0].id]);
    library.delete_picture(named[0].id).unwrap();
    assert_eq!(of(&cats, None, false), []);
    assert_eq!(of(&cats, None, true), [named[0].id]);
    library.restore_picture(named[0].id).unwrap();
    assert_eq!(of(&cats, None, false), [named[0].id]);
    library.delete_model(cats.id).unwrap();
    studio.clock.forward(TRASH_DAYS);
    library.empty_trash(TRASH_DAYS).unwrap();
    assert_eq!(of(&cats, None, false), []);
}
