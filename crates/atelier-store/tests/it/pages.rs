//! Runs and models in pages, and what the library has in use.

use atelier_core::TrainConfig;
use atelier_store::{Dataset, NewRun, Run};

use crate::Studio;

fn run_of(studio: &Studio, dataset: &Dataset) -> Run {
    let new = NewRun {
        name: None,
        dataset: dataset.id,
        version: dataset.version,
        base: "atelier-mini".to_owned(),
        base_hash: "b".repeat(64),
        config: TrainConfig::default(),
        origins: std::collections::BTreeMap::new(),
        total_steps: 4,
    };
    studio.library.create_run(new).unwrap()
}

#[test]
fn runs_come_in_pages_and_those_of_a_dataset_alone() {
    let studio = Studio::new();
    let library = &studio.library;
    let (a, b) = (studio.dataset("a"), studio.dataset("b"));
    let [first, second] = [(); 2].map(|()| run_of(&studio, &a));
    let other = run_of(&studio, &b);
    let names = |is_trash, dataset, page| {
        let page = library.page_of_runs(is_trash, dataset, page).unwrap();
        let names: Vec<_> = page.runs.into_iter().map(|run| run.name).collect();
        (names.join(" "), page.total)
    };
    assert_eq!(names(false, None, (0, 2)), ("b-1 a-2".to_owned(), 3));
    assert_eq!(names(false, None, (2, 2)), ("a-1".to_owned(), 3));
    assert_eq!(names(false, Some(a.id), (0, 9)), ("a-2 a-1".to_owned(), 2));
    library.delete_run(second.id).unwrap();
    assert_eq!(names(false, Some(a.id), (0, 9)), (first.name, 1));
    assert_eq!(names(true, None, (0, 9)), (second.name, 1));
    assert_eq!(names(true, other.dataset, (0, 9)), (String::new(), 0));
}

#[test]
fn models_come_in_pages_and_those_of_a_dataset_alone() {
    let studio = Studio::new();
    let library = &studio.library;
    let file = studio.path("a.safetensors");
    fs_err::write(&file, "adapter").unwrap();
    let dataset = studio.dataset("a");
    for name in ["one", "two", "three"] {
        let new = atelier_store::NewModel {
            about: crate::about(name),
            strength: None,
            base: "atelier-mini".to_owned(),
            base_hash: None,
        };
        library.import_model(new, &file).unwrap();
    }
    let names = |is_trash, dataset, page| {
        let page = library.page_of_models(is_trash, dataset, page).unwrap();
        let names: Vec<_> = page.models.into_iter().map(|one| one.about.name).collect();
        (names.join(" "), page.total)
    };
    assert_eq!(names(false, None, (0, 2)), ("three two".to_owned(), 3));
    assert_eq!(names(false, None, (2, 2)), ("one".to_owned(), 3));
    assert_eq!(names(true, None, (0, 2)), (String::new(), 0));
    assert_eq!(names(false, Some(dataset.id), (0, 2)), (String::new(), 0));
}

#[test]
fn trigger_words_in_use_are_those_of_models_too() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("a");
    let file = studio.path("a.safetensors");
    fs_err::write(&file, "adapter").unwrap();
    let import = |about| {
        let new = atelier_store::NewModel {
            about,
            strength: None,
            base: "atelier-mini".to_owned(),
            base_hash: None,
        };
        library.import_model(new, &file).unwrap()
    };
    let model = import(crate::about("bought"));
    import(atelier_store::About {
        trigger_word: String::new(),
        ..crate::about("without a word")
    });
    let used = |except| -> Vec<String> {
        let used = library.used_trigger_words(except).unwrap().into_iter();
        used.map(|(owner, _)| owner).collect()
    };
    assert_eq!(used(None), ["dataset `a`", "model `bought`"]);
    assert_eq!(used(Some(dataset.id)), ["model `bought`"]);
    library.delete_model(model.id).unwrap();
    assert!(used(Some(dataset.id)).is_empty());
}

#[test]
fn trigger_words_in_use_are_those_of_other_datasets() {
    let studio = Studio::new();
    let library = &studio.library;
    let (a, b) = (studio.dataset("a"), studio.dataset("b"));
    let word = || "BlobCharV1".to_owned();
    let used = |except| library.used_trigger_words(except).unwrap();
    assert_eq!(used(Some(a.id)), [("dataset `b`".to_owned(), word())]);
    assert_eq!(used(None).len(), 2);
    library.delete_dataset(b.id).unwrap();
    assert_eq!(used(None), [("dataset `a`".to_owned(), word())]);
    assert!(used(Some(a.id)).is_empty());
}
