//! A backup is a library of its own.

use atelier_core::{CancelFlag, Coded as _, ErrorCode, JobKind};
use atelier_store::{CATALOGUE, Error, JobId, Library, ModelChange, NewJob, check};

use crate::Studio;
use crate::runs::{completed, run_of, write_epoch};

#[test]
fn a_backup_opens_as_the_same_library_and_is_brought_up_to_date() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("faces");
    let version = studio.add(&dataset, &[1, 2]);
    let folder = studio.path("backup");
    let done = library.back_up(&folder, &CancelFlag::default()).unwrap();
    assert_eq!((done.copied, done.kept), (2, 0));
    let newest = studio.add(&dataset, &[3]);
    let open = || Library::open(&folder, studio.clock.clone()).unwrap();
    {
        let copy = open();
        assert_eq!(copy.get_version(dataset.id, None).unwrap(), version);
        assert!(
            check(&folder, &CancelFlag::default())
                .unwrap()
                .problems
                .is_empty()
        );
    }
    let done = library.back_up(&folder, &CancelFlag::default()).unwrap();
    assert_eq!((done.copied, done.kept), (1, 2));
    let copy = open();
    assert_eq!(copy.get_version(dataset.id, None).unwrap(), newest);
    assert_eq!(
        check(&folder, &CancelFlag::default())
            .unwrap()
            .unnamed
            .len(),
        0
    );
}

#[cfg(unix)]
#[test]
fn a_backup_in_a_folder_of_all_can_be_read_by_its_owner_alone() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let studio = Studio::new();
    let folder = studio.path("backup");
    fs_err::create_dir(&folder).unwrap();
    fs_err::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    studio
        .library
        .back_up(&folder, &CancelFlag::default())
        .unwrap();
    let mode = |name: &str| fs_err::metadata(folder.join(name)).unwrap().mode() & 0o777;
    assert_eq!(mode(CATALOGUE), 0o600);
}

#[test]
fn a_backup_mends_its_damaged_files_and_never_takes_over_ours() {
    let studio = Studio::new();
    let library = &studio.library;
    let version = studio.add(&studio.dataset("faces"), &[1, 2]);
    let folder = studio.path("backup");
    library.back_up(&folder, &CancelFlag::default()).unwrap();
    let hash = &version.images[0].blob;
    let there = folder.join("blobs").join(&hash[..2]).join(hash);
    fs_err::remove_file(&there).unwrap();
    fs_err::write(&there, vec![7; version.images[0].size_bytes as usize]).unwrap();
    assert_eq!(
        library
            .back_up(&folder, &CancelFlag::default())
            .unwrap()
            .copied,
        1
    );
    // What the backup has is whole, whatever became of ours.
    let ours = library.blobs().path(hash);
    fs_err::remove_file(&ours).unwrap();
    fs_err::write(&ours, vec![7; version.images[0].size_bytes as usize]).unwrap();
    let done = library.back_up(&folder, &CancelFlag::default()).unwrap();
    assert_eq!((done.copied, done.kept), (0, 2));
    fs_err::remove_file(&there).unwrap();
    library
        .back_up(&folder, &CancelFlag::default())
        .unwrap_err();
    assert!(!there.exists() && folder.join(CATALOGUE).exists());
    let names = fs_err::read_dir(&folder).unwrap();
    assert!(names.flatten().all(|entry| {
        let name = entry.file_name();
        !name.to_string_lossy().ends_with(".partial")
    }));
}

#[test]
fn a_backup_goes_on_past_damaged_files_and_names_them_as_a_check_of_it_does() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("faces");
    let version = studio.add(&dataset, &[1, 2, 3]);
    let path = |index: usize| library.blobs().path(&version.images[index].blob);
    fs_err::remove_file(path(0)).unwrap();
    fs_err::remove_file(path(1)).unwrap();
    fs_err::write(path(1), vec![7; version.images[1].size_bytes as usize]).unwrap();
    let folder = studio.path("backup");
    let back_up = || library.back_up(&folder, &CancelFlag::default());
    let error = back_up().unwrap_err();
    assert_eq!(error.code(), ErrorCode::DamagedLibrary);
    let words = error.to_string();
    for part in [
        "is complete but for what is damaged",
        "of `grey-1.png` in dataset `faces` is gone",
        "of `grey-2.png` in dataset `faces` has another content",
    ] {
        assert!(words.contains(part), "{words}");
    }
    let Error::Incomplete { damaged, .. } = error else {
        unreachable!("{words}")
    };
    {
        let copy = Library::open(&folder, studio.clock.clone()).unwrap();
        assert_eq!(copy.get_version(dataset.id, None).unwrap(), version);
        assert!(copy.blobs().read(&version.images[2].blob).is_ok());
    }
    let checked = check(&folder, &CancelFlag::default()).unwrap();
    let files = |problems: &[String]| -> Vec<String> {
        let files = problems.iter().map(|problem| {
            let (file, _) = problem.split_once("` in dataset").unwrap();
            file.to_owned()
        });
        files.collect()
    };
    assert_eq!(files(&damaged).len(), 2);
    assert_eq!(files(&damaged), files(&checked.problems));
    // Adding the pictures again mends the library, and then the backup.
    let hold = library.blobs().hold().unwrap();
    for shade in [1, 2] {
        let picture = crate::picture(shade);
        library.keep_image(&hold, "a.png", &picture).unwrap();
    }
    let done = back_up().unwrap();
    assert_eq!((done.copied, done.kept), (2, 1));
    let checked = check(&folder, &CancelFlag::default()).unwrap();
    assert_eq!(checked.problems, [""; 0]);
}

#[test]
fn a_run_goes_on_in_a_backup() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("faces");
    studio.add(&dataset, &[1]);
    let run = run_of(&studio, &dataset);
    let (_, sitting) = library.begin_run(run.id).unwrap();
    write_epoch(&run, 1);
    fs_err::write(run.folder.join("run.json"), "{}").unwrap();
    fs_err::create_dir(run.folder.join("dataset-0")).unwrap();
    fs_err::write(run.folder.join("dataset-0/a.png"), "picture").unwrap();
    let half = run.folder.join("checkpoints/.epoch-002.partial");
    fs_err::create_dir(&half).unwrap();
    fs_err::write(half.join("adapter.safetensors"), "half").unwrap();
    for (folder, file) in [("epoch-001", "00.png"), (".epoch-002.partial", "00.png")] {
        let folder = run.folder.join("previews").join(folder);
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::write(folder.join(file), "preview").unwrap();
    }
    library.stop_run(run.id).unwrap();
    let folder = studio.path("backup");
    let back_up = || library.back_up(&folder, &CancelFlag::default()).unwrap();
    // The blob, and of the run its record, a picture, two files of the checkpoint, and a preview.
    assert_eq!(back_up().copied, 6);
    write_epoch(&run, 2);
    library.end_run(sitting, completed()).unwrap();
    let model = library.create_model(run.id, 1, None).unwrap();
    let done = back_up();
    assert_eq!((done.copied, done.kept, done.left_out.len()), (3, 6, 0));
    let copy = Library::open(&folder, studio.clock.clone()).unwrap();
    let there = copy.get_run(run.id).unwrap().folder;
    let names = |folder: &std::path::Path| {
        let entries = fs_err::read_dir(folder).unwrap().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    let expected = ["checkpoints", "dataset-0", "previews", "run.json"];
    assert_eq!(names(&there), expected);
    assert_eq!(names(&there.join("previews")), ["epoch-001"]);
    assert_eq!(
        names(&there.join("checkpoints")),
        ["epoch-001", "epoch-002"]
    );
    assert_eq!(copy.list_checkpoints(run.id).unwrap().len(), 2);
    let checked = check(&folder, &CancelFlag::default()).unwrap();
    assert_eq!(checked.problems, [""; 0]);
    let change = ModelChange {
        epoch: Some(2),
        ..ModelChange::default()
    };
    let changed = copy.update_model(model.id, change).unwrap();
    assert_eq!(changed.epoch, Some(2));
    let (run, _sitting) = copy.begin_run(run.id).unwrap();
    write_epoch(&run, 3);
    assert_eq!(copy.list_checkpoints(run.id).unwrap().len(), 3);
}

#[test]
fn a_damaged_checkpoint_stays_behind_and_is_named_while_a_whole_one_is_kept() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("faces");
    studio.add(&dataset, &[1]);
    let run = run_of(&studio, &dataset);
    let (_, sitting) = library.begin_run(run.id).unwrap();
    write_epoch(&run, 1);
    let folder = studio.path("backup");
    let back_up = || library.back_up(&folder, &CancelFlag::default()).unwrap();
    back_up();
    write_epoch(&run, 2);
    library.end_run(sitting, completed()).unwrap();
    for checkpoint in library.list_checkpoints(run.id).unwrap() {
        let length = checkpoint.size_bytes as usize;
        fs_err::write(checkpoint.path, vec![7; length]).unwrap();
    }
    let left_out = back_up().left_out;
    assert_eq!(left_out.len(), 1, "{left_out:?}");
    assert!(left_out[0].contains("epoch-002/adapter.safetensors` is damaged"));
    let copy = Library::open(&folder, studio.clock.clone()).unwrap();
    assert!(copy.create_model(run.id, 1, None).is_ok());
    assert!(copy.create_model(run.id, 2, None).is_err());
}

#[test]
fn what_an_open_job_was_given_is_in_a_backup() {
    let studio = Studio::new();
    let library = &studio.library;
    let jobs = [(); 2].map(|()| {
        let job = NewJob {
            id: JobId::unused(),
            kind: JobKind::Generation,
            priority: 0,
            request: serde_json::json!({}),
        };
        let job = library.create_job(job).unwrap();
        fs_err::create_dir_all(job.folder.join("inputs")).unwrap();
        fs_err::write(job.folder.join("inputs/start.png"), "picture").unwrap();
        job.id
    });
    library.cancel_job(jobs[1]).unwrap();
    let folder = studio.path("backup");
    library.back_up(&folder, &CancelFlag::default()).unwrap();
    let copy = Library::open(&folder, studio.clock.clone()).unwrap();
    let is_there = jobs.map(|id| copy.job_folder(id).join("inputs/start.png").exists());
    assert_eq!(is_there, [true, false]);
}

#[test]
fn the_library_itself_is_no_place_for_its_backup() {
    let studio = Studio::new();
    let error = studio
        .library
        .back_up(&studio.path("home"), &CancelFlag::default())
        .unwrap_err();
    assert!(error.to_string().contains("the library itself"), "{error}");
}

#[test]
fn a_backup_that_was_worked_with_and_another_library_are_not_replaced() {
    let studio = Studio::new();
    let library = &studio.library;
    studio.dataset("faces");
    let folder = studio.path("backup");
    let back_up = |folder| library.back_up(folder, &CancelFlag::default());
    back_up(&folder).unwrap();
    let other = Studio::new();
    let theirs = other.path("home");
    for folder in [&folder, &theirs] {
        let copy = Library::open(folder, studio.clock.clone()).unwrap();
        copy.create_dataset(crate::about("made there")).unwrap();
        let error = back_up(folder).unwrap_err().to_string();
        assert!(error.contains("another library in it"), "{error}");
        assert!(copy.find_dataset("made there").is_ok());
    }
    let none = Library::open_existing(&studio.path("absent"), studio.clock.clone());
    assert!(none.is_err() && !studio.path("absent").exists());
}

#[test]
fn a_backup_that_a_program_has_open_is_left_to_it() {
    let studio = Studio::new();
    studio.dataset("faces");
    let folder = studio.path("backup");
    let back_up = || studio.library.back_up(&folder, &CancelFlag::default());
    back_up().unwrap();
    let open = Library::open(&folder, studio.clock.clone()).unwrap();
    assert_eq!(open.list_datasets().unwrap().len(), 1);
    studio.dataset("second");
    assert!(
        back_up()
            .unwrap_err()
            .to_string()
            .contains("another process")
    );
    assert_eq!(open.list_datasets().unwrap().len(), 1);
    drop(open);
    back_up().unwrap();
}
