//! Deleting, taking back, and emptying the trash.

use atelier_core::{CancelFlag, JobKind};
use atelier_store::{CATALOGUE, Emptied, JobId, NewJob, NewModel, TRASH_DAYS};
use serde_json::{Value, json};

use crate::runs::run_of;
use crate::{Studio, about};

fn job(kind: JobKind, request: Value) -> NewJob {
    NewJob {
        id: JobId::unused(),
        kind,
        priority: 0,
        request,
    }
}

#[test]
fn a_deleted_dataset_comes_back_whole_within_its_days() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("faces");
    let version = studio.add(&dataset, &[1, 2]);
    let trashed = library.delete_dataset(dataset.id).unwrap();
    assert!(trashed.trashed_ms.is_some());
    assert!(library.find_dataset("faces").is_err());
    assert!(library.list_datasets().unwrap().is_empty());
    assert_eq!(library.list_deleted_datasets().unwrap(), [trashed]);
    studio.clock.forward(TRASH_DAYS - 1);
    let nothing = Emptied {
        files: Some(0),
        ..Emptied::default()
    };
    assert_eq!(library.empty_trash(TRASH_DAYS).unwrap(), nothing);
    let other = studio.dataset("Faces");
    let back = library.restore_dataset(dataset.id).unwrap();
    assert_eq!((back.id, back.about.name.as_str()), (dataset.id, "faces 2"));
    library.delete_dataset(other.id).unwrap();
    // What is not in the trash keeps its name.
    let back = library.restore_dataset(dataset.id).unwrap();
    assert_eq!(back.about.name, "faces 2");
    assert_eq!(library.get_version(dataset.id, None).unwrap(), version);
    assert_eq!(studio.check().problems, [""; 0]);
}

#[test]
fn after_its_days_a_dataset_goes_with_the_files_that_nobody_else_has() {
    let studio = Studio::new();
    let library = &studio.library;
    let (gone, kept) = (studio.dataset("gone"), studio.dataset("kept"));
    studio.add(&gone, &[1, 2]);
    let version = studio.add(&kept, &[2, 3]);
    let thumbnail = |blob: &str| {
        let home = library.catalogue().parent().unwrap();
        let folder = atelier_kept::thumbnails_folder(home).join(&blob[..2]);
        fs_err::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{blob}-128.jpg"));
        fs_err::write(&path, b"small").unwrap();
        path
    };
    let shown = library.get_version(gone.id, None).unwrap().images;
    let [of_gone, of_both] = [&shown[0], &shown[1]].map(|image| thumbnail(&image.blob));
    library.delete_dataset(gone.id).unwrap();
    studio.clock.forward(TRASH_DAYS);
    let emptied = library.empty_trash(TRASH_DAYS).unwrap();
    assert_eq!((emptied.datasets, emptied.files), (1, Some(1)));
    assert!(!of_gone.exists() && of_both.exists());
    assert!(library.get_dataset(gone.id).is_err());
    let checked = studio.check();
    assert_eq!((checked.datasets, checked.files), (1, 2));
    assert!(checked.problems.is_empty() && checked.unnamed.is_empty());
    assert_eq!(library.get_version(kept.id, None).unwrap(), version);
}

#[test]
fn pictures_of_older_versions_stay_and_those_without_a_version_go() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("faces");
    let version = studio.add(&dataset, &[1]);
    let remove = atelier_store::Edit::Remove(version.images[0].id);
    library
        .edit_dataset(dataset.id, None, vec![remove])
        .unwrap();
    let hold = library.blobs().hold().unwrap();
    library.blobs().put(&hold, b"of a killed process").unwrap();
    assert_eq!(
        library.empty_trash(0).unwrap().files,
        None,
        "somebody is putting files"
    );
    drop(hold);
    assert_eq!(library.empty_trash(0).unwrap().files, Some(1));
    assert_eq!(library.get_version(dataset.id, Some(2)).unwrap(), version);
    assert!(library.blobs().path(&version.images[0].blob).exists());
}

#[test]
fn what_an_earlier_catalogue_does_not_name_stays_until_it_is_as_old_as_the_trash() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("faces");
    studio.add(&dataset, &[1]);
    let copy = studio.path("copy");
    library.back_up(&copy, &CancelFlag::default()).unwrap();
    let version = studio.add(&dataset, &[2]);
    let run = run_of(&studio, &dataset);
    let (_, sitting) = library.begin_run(run.id).unwrap();
    drop(sitting);
    let catalogue = library.catalogue().to_owned();
    let (run, newest) = (run.folder, library.blobs().path(&version.images[1].blob));
    // The catalogue is lost, and that of the backup put in its place.
    for ending in ["", "-wal", "-shm"] {
        fs_err::remove_file(studio.path(&format!("home/{CATALOGUE}{ending}"))).unwrap();
    }
    fs_err::copy(copy.join(CATALOGUE), &catalogue).unwrap();
    let earlier = studio.again();
    assert_eq!(
        earlier.get_version(dataset.id, None).unwrap().images.len(),
        1
    );
    studio.clock.forward(TRASH_DAYS);
    earlier.empty_trash(TRASH_DAYS).unwrap();
    assert!(run.exists() && newest.exists());
    studio.clock.forward(TRASH_DAYS - 1);
    earlier.empty_trash(TRASH_DAYS).unwrap();
    assert!(run.exists() && newest.exists());
    studio.clock.forward(1);
    earlier.empty_trash(TRASH_DAYS).unwrap();
    assert!(!run.exists() && !newest.exists());
}

#[test]
fn what_is_in_the_trash_is_not_changed() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("faces");
    let version = studio.add(&dataset, &[1]);
    library.delete_dataset(dataset.id).unwrap();
    let remove = atelier_store::Edit::Remove(version.images[0].id);
    let change = atelier_store::AboutChange::default();
    for error in [
        library
            .edit_dataset(dataset.id, None, vec![remove])
            .unwrap_err(),
        library.update_dataset(dataset.id, change).unwrap_err(),
        library.delete_dataset(dataset.id).unwrap_err(),
    ] {
        assert!(
            error
                .to_string()
                .starts_with("dataset `faces` is in the trash"),
            "{error}"
        );
    }
    assert_eq!(library.get_version(dataset.id, None).unwrap(), version);
}

#[test]
fn what_an_open_job_needs_stays_in_the_trash_until_it_is_over() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("faces");
    studio.add(&dataset, &[1]);
    let run = run_of(&studio, &dataset);
    let training = job(JobKind::Training, json!({}));
    let training = library.create_training_of(training, run.id).unwrap();
    let file = studio.path("a.safetensors");
    fs_err::write(&file, "adapter").unwrap();
    let new = NewModel {
        about: about("blob"),
        strength: None,
        base: "atelier-mini".to_owned(),
        base_hash: None,
    };
    let model = library.import_model(new, &file).unwrap();
    let drawing = json!({"models": [{"model": model.id, "strength": 1.0}]});
    let drawing = job(JobKind::Generation, drawing);
    let drawing = library.create_job(drawing).unwrap();
    assert_eq!(library.count_open_trainings_on(dataset.id).unwrap(), 1);
    library.delete_dataset(dataset.id).unwrap();
    library.delete_model(model.id).unwrap();
    let emptied = || {
        let emptied = library.empty_trash(0).unwrap();
        (emptied.datasets, emptied.models)
    };
    assert_eq!(emptied(), (0, 0));
    assert!(library.model_file(&model).exists());
    library.cancel_job(drawing.id).unwrap();
    assert_eq!(emptied(), (0, 1));
    library.cancel_job(training.id).unwrap();
    assert_eq!(library.count_open_trainings_on(dataset.id).unwrap(), 0);
    assert_eq!(emptied(), (1, 0));
}
