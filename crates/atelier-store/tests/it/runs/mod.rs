//! Runs, and what trainings leave of them.

mod models;

use atelier_core::{RunState, TrainConfig};
use atelier_store::{
    CATALOGUE, Dataset, Edit, Lineage, Model, ModelChange, NewModel, NewRun, Run, RunEnd, Spent,
    TRASH_DAYS, Verdict,
};
use atelier_weights::sha256_hex;
use rusqlite::Connection;

use crate::{Studio, about};

/// A run of the newest version of a dataset, before it is kept.
fn new_run(studio: &Studio, dataset: &Dataset) -> NewRun {
    let version = studio.library.get_version(dataset.id, None).unwrap();
    let config = TrainConfig {
        trigger: "BlobCharV1".to_owned(),
        epochs: 2,
        ..TrainConfig::default()
    };
    NewRun {
        name: None,
        dataset: dataset.id,
        version: version.about.number,
        base: "atelier-mini".to_owned(),
        base_hash: "b".repeat(64),
        config,
        origins: std::collections::BTreeMap::new(),
        total_steps: 4,
    }
}

/// The same, kept.
pub(crate) fn run_of(studio: &Studio, dataset: &Dataset) -> Run {
    let new = new_run(studio, dataset);
    studio.library.create_run(new).unwrap()
}

/// An adapter file that says on which pictures it was trained.
pub(crate) fn adapter_on(hash: &str, epoch: usize) -> Vec<u8> {
    let header = serde_json::json!({
        "__metadata__": {"atelier.dataset_version": hash},
        "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
    });
    let header = header.to_string();
    let length = (header.len() as u64).to_le_bytes();
    let number = (epoch as f32).to_le_bytes();
    [&length[..], header.as_bytes(), &number].concat()
}

/// Writes what a trainer leaves after an epoch of two steps.
pub(crate) fn write_epoch(run: &Run, epoch: usize) {
    write_epoch_on(run, epoch, &run.dataset_hash);
}

/// The same of a trainer that saw other pictures.
fn write_epoch_on(run: &Run, epoch: usize, hash: &str) {
    let folder = run.folder.join(format!("checkpoints/epoch-{epoch:03}"));
    fs_err::create_dir_all(&folder).unwrap();
    let adapter = adapter_on(hash, epoch);
    fs_err::write(folder.join("adapter.safetensors"), &adapter).unwrap();
    let losses: Vec<f32> = (0..2 * epoch).map(|step| 0.5 / (step + 1) as f32).collect();
    let state = serde_json::json!({
        "version": 1,
        "step": 2 * epoch,
        "losses": losses,
        "files": {"adapter.safetensors": sha256_hex(&adapter), "factors.safetensors": "f"},
    });
    fs_err::write(folder.join("state.json"), state.to_string()).unwrap();
}

pub(crate) fn completed() -> RunEnd {
    RunEnd {
        state: RunState::Completed,
        spent: Spent {
            training_secs: 1.5,
            ..Spent::default()
        },
        ..RunEnd::default()
    }
}

/// What is proved of a model where the base is what it was.
fn verified(studio: &Studio, model: &Model) -> Lineage {
    let base = |_: &str| Some("b".repeat(64));
    studio.library.verify_model(model.id, Some(&base)).unwrap()
}

/// A dataset, and a completed run of it.
fn trained(studio: &Studio) -> (Dataset, Run) {
    let dataset = studio.dataset("faces");
    studio.add(&dataset, &[1, 2]);
    let run = run_of(studio, &dataset);
    let (_, sitting) = studio.library.begin_run(run.id).unwrap();
    write_epoch(&run, 1);
    write_epoch(&run, 2);
    let run = studio.library.end_run(sitting, completed()).unwrap();
    (dataset, run)
}

#[test]
fn a_run_waits_is_trained_and_is_completed() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("faces");
    studio.add(&dataset, &[1, 2]);
    let run = run_of(&studio, &dataset);
    assert_eq!(
        (run.name.as_str(), run.state),
        ("faces-1", RunState::Waiting)
    );
    assert_eq!(run_of(&studio, &dataset).name, "faces-2");
    let (run, sitting) = library.begin_run(run.id).unwrap();
    assert_eq!(run.state, RunState::Running);
    let error = studio.again().begin_run(run.id).unwrap_err().to_string();
    assert!(error.contains("is being trained"), "{error}");
    assert!(library.delete_run(run.id).is_err());
    write_epoch(&run, 1);
    assert!(!library.is_run_to_stop(&sitting));
    studio.again().stop_run(run.id).unwrap();
    assert!(library.is_run_to_stop(&sitting));
    library
        .advance_run(&sitting, 3, Some(0.25), Spent::default())
        .unwrap();
    let now = library.find_run("FACES-1").unwrap();
    assert_eq!((now.done_steps, now.loss), (3, Some(0.25)));
    let stopped = RunEnd {
        state: RunState::Stopped,
        ..completed()
    };
    let run = library.end_run(sitting, stopped).unwrap();
    assert_eq!((run.state, run.done_steps), (RunState::Stopped, 2));
    let error = library.stop_run(run.id).unwrap_err().to_string();
    assert!(error.contains("not being trained"), "{error}");
    let (run, sitting) = library.begin_run(run.id).unwrap();
    assert!(!library.is_run_to_stop(&sitting));
    write_epoch(&run, 2);
    let run = library.end_run(sitting, completed()).unwrap();
    assert_eq!((run.state, run.done_steps), (RunState::Completed, 4));
    assert!((run.training_secs - 3.0).abs() < 1e-9);
    assert_eq!(run.loss, Some(0.125));
    assert_eq!(library.losses(run.id).unwrap().losses.len(), 4);
    let epochs = library.list_checkpoints(run.id).unwrap();
    assert_eq!(epochs.iter().map(|c| c.epoch).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_run_whose_process_is_gone_is_stopped_where_its_newest_checkpoint_is() {
    let studio = Studio::new();
    let dataset = studio.dataset("faces");
    studio.add(&dataset, &[1]);
    let run = run_of(&studio, &dataset);
    let (run, sitting) = studio.library.begin_run(run.id).unwrap();
    write_epoch(&run, 1);
    studio
        .library
        .advance_run(&sitting, 3, None, Spent::default())
        .unwrap();
    // As a killed process leaves it: the row still says that it is trained.
    drop(sitting);
    let run = studio.library.get_run(run.id).unwrap();
    assert_eq!((run.state, run.done_steps), (RunState::Stopped, 2));
}

#[test]
fn what_a_killed_sitting_took_is_counted_once() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("faces");
    studio.add(&dataset, &[1]);
    let run = run_of(&studio, &dataset);
    let spent = |training_secs, preview_pictures| Spent {
        training_secs,
        trained_steps: 4,
        preview_secs: 2.0 * preview_pictures as f64,
        preview_pictures,
    };
    for so_far in [spent(1.0, 0), spent(3.0, 2)] {
        let (_, sitting) = library.begin_run(run.id).unwrap();
        for again in [so_far, so_far] {
            library.advance_run(&sitting, 1, None, again).unwrap();
        }
    }
    let (_, sitting) = library.begin_run(run.id).unwrap();
    let end = RunEnd {
        spent: spent(0.5, 1),
        ..RunEnd::default()
    };
    let run = library.end_run(sitting, end).unwrap();
    assert!((run.training_secs - 4.5).abs() < 1e-9 && (run.preview_secs - 6.0).abs() < 1e-9);
    assert_eq!(run.preview_pictures, 3);
    // Those that were made twice count twice, as their seconds do.
    assert_eq!((run.done_steps, run.trained_steps), (0, 12));
}

#[test]
fn steps_of_an_older_program_that_goes_on_are_counted_with_its_seconds() {
    let studio = Studio::new();
    let (_, run) = trained(&studio);
    let catalogue = Connection::open(studio.path("home").join(CATALOGUE)).unwrap();
    // As it writes: it does not know the steps that the seconds were spent in.
    let write = "UPDATE run SET done_steps = 400, training_secs = 80, trained_steps = 100";
    assert_eq!(catalogue.execute(write, []).unwrap(), 1);
    let run = studio.library.get_run(run.id).unwrap();
    assert_eq!((run.done_steps, run.trained_steps), (400, 400));
}

#[test]
fn what_a_run_has_to_tell_is_read_from_its_folder() {
    let studio = Studio::new();
    let (_, run) = trained(&studio);
    let notes = || studio.again().list_run_notes(run.id).unwrap();
    assert!(notes().is_empty());
    let file = run.folder.join("notes.json");
    let text = r#"{"version": 1, "notes": ["2 captions are longer", "epoch 3 has no previews"]}"#;
    fs_err::write(&file, text).unwrap();
    assert_eq!(
        notes(),
        ["2 captions are longer", "epoch 3 has no previews"]
    );
    for other in ["{", r#"{"version": 2, "notes": ["x"]}"#] {
        fs_err::write(&file, other).unwrap();
        assert!(notes().is_empty(), "{other}");
    }
}

#[test]
fn previews_are_those_that_are_complete_and_lie_in_their_folder() {
    let studio = Studio::new();
    let (_, run) = trained(&studio);
    let write = |name: &str, epoch: usize, file: &str| {
        let folder = run.folder.join("previews").join(name);
        fs_err::create_dir_all(&folder).unwrap();
        let preview = serde_json::json!({
            "file": file, "prompt": "a blob", "seed": 7, "width": 8, "height": 8, "sha256": "a", "size_bytes": 3,
        });
        let contents = serde_json::json!({"version": 1, "epoch": epoch, "previews": [preview]});
        fs_err::write(folder.join("previews.json"), contents.to_string()).unwrap();
    };
    write("epoch-010", 10, "00.png");
    write("epoch-002", 2, "00.png");
    write("epoch-003", 3, "../../checkpoints/epoch-001/state.json");
    write(".epoch-004.partial", 4, "00.png");
    fs_err::create_dir_all(run.folder.join("previews/epoch-005")).unwrap();
    let all = studio.library.list_previews(run.id).unwrap();
    let counts: Vec<_> = all
        .iter()
        .map(|one| (one.epoch, one.previews.len()))
        .collect();
    assert_eq!(counts, [(2, 1), (3, 0), (10, 1)]);
    let one = studio.library.get_preview(run.id, 10, 0).unwrap();
    assert_eq!((one.prompt.as_str(), one.seed), ("a blob", 7));
    assert_eq!(one.path, run.folder.join("previews/epoch-010/00.png"));
    let error = studio.library.get_preview(run.id, 2, 1).unwrap_err();
    assert!(error.to_string().contains("preview"), "{error}");
}

#[test]
fn the_trash_takes_runs_with_their_folders_and_leaves_files_of_models() {
    let studio = Studio::new();
    let library = &studio.library;
    let (dataset, run) = trained(&studio);
    let model = library.create_model(run.id, 2, None).unwrap();
    let file = studio.path("other.safetensors");
    fs_err::write(&file, "from elsewhere").unwrap();
    let new = NewModel {
        about: about("other"),
        strength: None,
        base: "atelier-mini".to_owned(),
        base_hash: None,
    };
    let other = library.import_model(new, &file).unwrap();
    assert_eq!((other.number, other.run), (model.number + 1, None));
    library.delete_run(run.id).unwrap();
    library.delete_model(other.id).unwrap();
    library.delete_dataset(dataset.id).unwrap();
    assert!(library.list_runs(false).unwrap().is_empty());
    assert_eq!(library.list_runs(true).unwrap().len(), 1);
    let change = ModelChange::default();
    let error = library.update_model(other.id, change).unwrap_err();
    assert!(
        error.to_string().contains("atelier model restore"),
        "{error}"
    );
    studio.clock.forward(TRASH_DAYS);
    let emptied = library.empty_trash(TRASH_DAYS).unwrap();
    assert_eq!((emptied.runs, emptied.models, emptied.datasets), (1, 1, 1));
    assert!(!run.folder.exists());
    let model = library.get_model(model.id).unwrap();
    assert_eq!((model.run, model.dataset), (None, None));
    let origin = (
        model.run_name.as_deref(),
        model.dataset_name.as_deref(),
        model.dataset_version,
        model.dataset_hash.as_ref(),
    );
    let expected = (
        Some("faces-1"),
        Some("faces"),
        Some(2),
        Some(&run.dataset_hash),
    );
    assert_eq!(origin, expected);
    let lineage = verified(&studio, &model);
    assert_eq!(lineage.verdict(), Verdict::NotProvable);
    let proof = &lineage.proofs[1];
    assert_eq!(proof.what, "run `faces-1` wrote it after epoch 2");
    let problem = proof.problem.as_deref();
    assert_eq!(
        problem,
        Some("the run was removed for good, or is somebody else's")
    );
    assert!(library.model_file(&model).exists());
    assert!(!library.model_file(&other).exists());
    let checked = studio.check();
    assert_eq!((checked.runs, checked.models, checked.files), (0, 1, 1));
    assert!(checked.problems.is_empty() && checked.unnamed.is_empty());
    // Numbers are never given twice.
    let new = NewModel {
        about: about("third"),
        strength: Some(0.5),
        base: "atelier-mini".to_owned(),
        base_hash: None,
    };
    assert_eq!(
        library.import_model(new, &file).unwrap().number,
        other.number + 1
    );
}

#[test]
fn folders_of_runs_that_the_catalogue_does_not_have_go_with_the_trash() {
    let studio = Studio::new();
    let (_, run) = trained(&studio);
    let runs = run.folder.parent().unwrap();
    // As a process leaves one that was killed while it emptied the trash, or a catalogue that was lost.
    let left = runs.join("01a220f2-f552-7343-ad06-5215b1cec510");
    let own = runs.join("notes");
    for folder in [&left, &own] {
        fs_err::create_dir(folder).unwrap();
    }
    assert_eq!(studio.check().unnamed, std::slice::from_ref(&left));
    studio.library.empty_trash(TRASH_DAYS).unwrap();
    assert!(left.exists(), "it may be of a catalogue that comes back");
    studio.clock.forward(TRASH_DAYS);
    studio.library.empty_trash(TRASH_DAYS).unwrap();
    assert!(!left.exists() && own.exists() && run.folder.exists());
    assert!(studio.check().unnamed.is_empty());
}

#[test]
fn looking_at_a_run_is_not_training_it() {
    let studio = Studio::new();
    let dataset = studio.dataset("faces");
    studio.add(&dataset, &[1]);
    let run = run_of(&studio, &dataset);
    let (_, sitting) = studio.library.begin_run(run.id).unwrap();
    drop(sitting);
    std::thread::scope(|threads| {
        for _ in 0..4 {
            let library = studio.again();
            threads.spawn(move || {
                for _ in 0..50 {
                    assert_eq!(library.get_run(run.id).unwrap().state, RunState::Stopped);
                }
            });
        }
    });
    let (_, sitting) = studio.library.begin_run(run.id).unwrap();
    assert!(studio.again().delete_run(run.id).is_err());
    drop(sitting);
    studio.library.delete_run(run.id).unwrap();
    assert!(studio.library.begin_run(run.id).is_err());
}

#[test]
fn every_name_of_a_dataset_gives_one_of_a_run() {
    let studio = Studio::new();
    for (name, of_run) in [
        (".faces".to_owned(), "faces-1".to_owned()),
        (". .x".to_owned(), "x-1".to_owned()),
        ("a/b:c".to_owned(), "a-b-c-1".to_owned()),
        ("x".repeat(200), format!("{}-1", "x".repeat(188))),
    ] {
        let dataset = studio.dataset(&name);
        studio.add(&dataset, &[1]);
        assert_eq!(run_of(&studio, &dataset).name, of_run);
    }
}

#[test]
fn a_dataset_that_was_removed_for_good_leaves_its_name_with_its_runs() {
    let studio = Studio::new();
    let (dataset, run) = trained(&studio);
    assert_eq!(studio.library.list_runs_of(dataset.id).unwrap().len(), 1);
    studio.library.delete_dataset(dataset.id).unwrap();
    studio.library.empty_trash(0).unwrap();
    let run = studio.library.get_run(run.id).unwrap();
    assert_eq!((run.dataset, run.dataset_name.as_str()), (None, "faces"));
    let model = studio.library.create_model(run.id, 1, None).unwrap();
    let lineage = verified(&studio, &model);
    let problem = lineage.proofs[2].problem.as_deref();
    assert_eq!(problem, Some("the dataset was removed for good"));
    assert_eq!(lineage.verdict(), Verdict::NotProvable);
}
