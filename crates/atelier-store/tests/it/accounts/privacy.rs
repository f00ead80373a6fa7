//! What somebody sees of the library, and what they may change.

use atelier_accounts::Role;
use atelier_core::{JobKind, TrainConfig};
use atelier_store::{
    AboutChange, Dataset, Error, Job, JobId, Library, Model, ModelCall, ModelChange, NewJob,
    NewRun, Picture, Run, Viewer,
};
use serde_json::json;

use super::account;
use crate::jobs::drawn;
use crate::runs::{completed, write_epoch};
use crate::{Studio, about};

/// Something of each kind, which ana made.
pub(super) struct Things {
    pub(super) dataset: Dataset,
    pub(super) run: Run,
    pub(super) job: Job,
    pub(super) model: Model,
    pub(super) drawing: Job,
    pub(super) picture: Picture,
}

/// The library as the accounts see it.
pub(super) struct Views {
    pub(super) owner: Library,
    pub(super) ana: Library,
    pub(super) bob: Library,
    pub(super) vera: Library,
    pub(super) nobody: Library,
}

impl Views {
    pub(super) fn of(studio: &Studio) -> Self {
        let of = |name, role| {
            let id = account(studio, name, role).id;
            studio.library.seen_by(Viewer::Account { id, role })
        };
        Self {
            owner: of("olga", Role::Owner),
            ana: of("ana", Role::Member),
            bob: of("bob", Role::Member),
            vera: of("vera", Role::Viewer),
            nobody: studio.library.seen_by(Viewer::Nobody),
        }
    }

    pub(super) fn others(&self) -> [&Library; 3] {
        [&self.bob, &self.vera, &self.nobody]
    }
}

pub(super) fn new_job(kind: JobKind) -> NewJob {
    NewJob {
        id: JobId::unused(),
        kind,
        priority: 0,
        request: json!({"prompt": "a blob"}),
    }
}

pub(super) fn new_run(dataset: &Dataset) -> NewRun {
    NewRun {
        name: None,
        dataset: dataset.id,
        version: dataset.version,
        base: "atelier-mini".to_owned(),
        base_hash: "b".repeat(64),
        config: TrainConfig::default(),
        origins: std::collections::BTreeMap::new(),
        total_steps: 4,
    }
}

/// What the program does with a job of somebody, whoever that is.
pub(super) fn things(studio: &Studio, ana: &Library) -> Things {
    let dataset = ana.create_dataset(about("faces")).unwrap();
    studio.add(&dataset, &[1, 2]);
    let dataset = ana.get_dataset(dataset.id).unwrap();
    let training = ana.create_training(new_job(JobKind::Training), new_run(&dataset));
    let (job, run) = training.unwrap();
    let program = &studio.library;
    program.begin_attempt(job.id, 0, 0).unwrap();
    let (_, sitting) = program.begin_run_of_job(run.id, job.id).unwrap();
    write_epoch(&run, 1);
    write_epoch(&run, 2);
    program.end_run(sitting, completed()).unwrap();
    let (_, model) = program.complete_training(job.id, 1).unwrap();
    let drawing = ana.create_job(new_job(JobKind::Generation)).unwrap();
    program.begin_attempt(drawing.id, 0, 0).unwrap();
    let pictures = vec![drawn(studio, 7)];
    let mut pictures = program
        .complete_generation(drawing.id, 1, pictures)
        .unwrap();
    Things {
        run: ana.get_run(run.id).unwrap(),
        job,
        dataset,
        model,
        drawing,
        picture: pictures.remove(0),
    }
}

pub(super) fn is_absent<T>(found: Result<T, Error>) -> bool {
    matches!(found.err(), Some(Error::NotFound { .. }))
}

pub(super) fn is_refused<T>(done: Result<T, Error>) -> bool {
    matches!(done.err(), Some(Error::NotOwn { .. } | Error::ReadOnly))
}

/// How many things of each kind are listed.
fn counts(library: &Library) -> [u32; 8] {
    let page = (0, 50);
    [
        library.page_of_datasets(false, page).unwrap().total,
        library.list_datasets().unwrap().len() as u32,
        library.page_of_runs(false, None, page).unwrap().total,
        library.list_runs(false).unwrap().len() as u32,
        library.page_of_models(false, None, page).unwrap().total,
        library.list_models(false).unwrap().len() as u32,
        library.page_of_jobs(page).unwrap().total,
        library.page_of_pictures(false, page).unwrap().total,
    ]
}

#[test]
fn what_somebody_made_is_theirs_with_what_comes_of_it_and_others_find_nothing() {
    let studio = Studio::new();
    let views = Views::of(&studio);
    let things = things(&studio, &views.ana);
    for library in [&studio.library, &views.owner, &views.ana] {
        assert_eq!(counts(library), [1, 1, 1, 1, 1, 1, 2, 1]);
        assert!(library.find_dataset("FACES").is_ok() && library.find_run("faces-1").is_ok());
        let model = library.get_model(things.model.id).unwrap();
        assert_eq!(model.owner.as_deref(), Some("ana"));
        assert_eq!(
            (model.run, model.dataset),
            (Some(things.run.id), Some(things.dataset.id))
        );
        let picture = library.get_picture(things.picture.id).unwrap();
        assert_eq!(
            (picture.owner.as_deref(), picture.is_shared),
            (Some("ana"), false)
        );
    }
    let (dataset, run, model) = (things.dataset.id, things.run.id, things.model.id);
    for library in views.others() {
        assert_eq!(counts(library), [0; 8]);
        assert!(is_absent(library.get_dataset(dataset)));
        assert!(is_absent(library.find_dataset("faces")));
        assert!(is_absent(library.get_version(dataset, None)));
        assert!(is_absent(library.get_version(dataset, Some(2))));
        let image = studio.library.get_version(dataset, None).unwrap().images[0].id;
        assert!(is_absent(library.get_image(dataset, image, None)));
        assert!(is_absent(library.get_run(run)) && is_absent(library.find_run("faces-1")));
        assert!(is_absent(library.losses(run)) && is_absent(library.list_checkpoints(run)));
        assert!(is_absent(library.get_model(model)) && is_absent(library.find_model("faces-1")));
        assert!(is_absent(library.get_promised_model(ModelCall::Id(model))));
        assert!(is_absent(library.get_promised_model(ModelCall::Run(run))));
        assert!(is_absent(library.verify_model(model, None)));
        assert!(is_absent(library.get_job(things.job.id)));
        assert!(is_absent(library.find_job("faces-1")));
        assert!(library.list_attempts(things.job.id).unwrap().is_empty());
        assert!(is_absent(library.get_picture(things.picture.id)));
        assert!(
            library
                .list_pictures_of(things.drawing.id)
                .unwrap()
                .is_empty()
        );
        assert!(library.used_trigger_words(None).unwrap().is_empty());
        assert!(library.list_runs_of(dataset).unwrap().is_empty());
        assert!(library.list_models_on(dataset).unwrap().is_empty());
        assert!(library.list_promised_models().unwrap().is_empty());
        assert!(
            library
                .find_checkpoint(&things.model.hash)
                .unwrap()
                .is_none()
        );
    }
}

#[test]
fn drawings_are_listed_for_those_alone_who_asked_for_them() {
    let studio = Studio::new();
    let views = Views::of(&studio);
    let things = things(&studio, &views.ana);
    let drawings = |library: &Library| {
        let page = library.page_of_drawings((0, 9)).unwrap();
        let ids: Vec<_> = page.jobs.iter().map(|job| job.id).collect();
        assert_eq!(page.total as usize, ids.len());
        ids
    };
    assert_eq!(drawings(&views.ana), [things.drawing.id]);
    for library in views.others().into_iter().chain([&views.owner]) {
        assert!(drawings(library).is_empty());
    }
    assert!(drawings(&studio.library).is_empty());
    let own = studio.library.create_job(new_job(JobKind::Generation));
    let own = own.unwrap().id;
    assert_eq!(drawings(&studio.library), [own]);
    assert!(drawings(&views.owner).is_empty());
    // Those that were cancelled, and those about to be, are in no list.
    studio.library.begin_attempt(own, 0, 0).unwrap();
    for end in [false, true] {
        studio.library.cancel_job(own).unwrap();
        if end {
            studio.library.stop_attempt(own, 1, "stopped").unwrap();
        }
        assert!(drawings(&studio.library).is_empty());
    }
}

#[test]
fn others_ids_are_not_found_in_changes_either() {
    let studio = Studio::new();
    let views = Views::of(&studio);
    let things = things(&studio, &views.ana);
    let (bob, dataset) = (&views.bob, things.dataset.id);
    assert!(is_absent(
        bob.update_dataset(dataset, AboutChange::default())
    ));
    assert!(is_absent(bob.edit_dataset(dataset, None, Vec::new())));
    assert!(is_absent(bob.delete_dataset(dataset)));
    assert!(is_absent(bob.restore_dataset(dataset)));
    assert!(is_absent(bob.create_run(new_run(&things.dataset))));
    assert!(is_absent(bob.delete_run(things.run.id)));
    assert!(is_absent(bob.stop_run(things.run.id)));
    assert!(is_absent(
        bob.create_training_of(new_job(JobKind::Training), things.run.id)
    ));
    assert!(is_absent(bob.create_model(things.run.id, 1, None)));
    assert!(is_absent(
        bob.update_model(things.model.id, ModelChange::default())
    ));
    assert!(is_absent(bob.delete_model(things.model.id)));
    assert!(is_absent(bob.cancel_job(things.job.id)) && is_absent(bob.retry_job(things.job.id)));
    assert!(is_absent(bob.delete_picture(things.picture.id)));
    assert!(is_absent(bob.start_from_picture(things.picture.id)));
    assert!(is_absent(bob.share_model(things.model.id, true)));
    for library in [&views.vera, &views.nobody] {
        assert!(is_refused(library.create_dataset(about("mine"))));
        assert!(is_refused(library.delete_model(things.model.id)));
    }
    // The name is taken all the same, and another one is found for what has none.
    assert!(matches!(
        bob.create_dataset(about("Faces")),
        Err(Error::Exists { .. })
    ));
    let own = bob.create_dataset(about("other")).unwrap();
    assert_eq!((own.owner.as_deref(), counts(bob)[0]), (Some("bob"), 1));
    assert_eq!(bob.create_run(new_run(&own)).unwrap().name, "other-1");
    assert_eq!(counts(&views.ana)[0], 1);
    assert_eq!(counts(&views.owner)[0], 2);
}

#[test]
fn what_is_shared_is_seen_and_used_by_all_and_changed_by_none() {
    let studio = Studio::new();
    let views = Views::of(&studio);
    let things = things(&studio, &views.ana);
    let (ana, bob) = (&views.ana, &views.bob);
    assert!(ana.share_model(things.model.id, true).unwrap().is_shared);
    for library in [bob, &views.vera] {
        let model = library.get_model(things.model.id).unwrap();
        // Names and hashes of what it comes from, and no way there.
        assert_eq!((model.run, model.dataset), (None, None));
        assert_eq!(model.run_name.as_deref(), Some("faces-1"));
        assert_eq!(model.dataset_hash, Some(things.dataset.hash.clone()));
        let lineage = library.verify_model(things.model.id, None).unwrap();
        assert!(lineage.run.is_none() && lineage.proofs[0].problem.is_none());
        assert!(is_absent(library.get_run(things.run.id)));
    }
    assert!(is_absent(views.nobody.get_model(things.model.id)));
    assert!(is_refused(bob.delete_model(things.model.id)));
    assert!(is_refused(
        bob.update_model(things.model.id, ModelChange::default())
    ));
    assert!(is_refused(bob.share_model(things.model.id, false)));

    ana.share_run(things.run.id, true).unwrap();
    let run = bob.get_run(things.run.id).unwrap();
    assert_eq!((run.dataset, run.dataset_name.as_str()), (None, "faces"));
    assert!(bob.get_job(things.job.id).is_ok() && is_refused(bob.cancel_job(things.job.id)));
    assert!(is_refused(bob.stop_run(run.id)) || run.state != atelier_core::RunState::Running);
    assert!(is_refused(
        bob.create_training_of(new_job(JobKind::Training), run.id)
    ));
    let own = bob.create_model(run.id, 1, Some("mine")).unwrap();
    assert_eq!(own.owner.as_deref(), Some("bob"));
    assert!(is_absent(ana.get_model(own.id)));

    ana.share_dataset(things.dataset.id, true).unwrap();
    let dataset = bob.get_dataset(things.dataset.id).unwrap();
    let image = bob.get_version(dataset.id, None).unwrap().images[0].id;
    assert!(is_refused(bob.edit_dataset(dataset.id, None, Vec::new())));
    assert_eq!(
        bob.create_run(new_run(&dataset)).unwrap().owner.as_deref(),
        Some("bob")
    );
    let start = bob.start_from_image(dataset.id, image).unwrap();
    assert!(is_absent(ana.get_start_picture(start.id)));
    assert!(bob.get_start_picture(start.id).is_ok());

    ana.share_picture(things.picture.id, true).unwrap();
    assert!(bob.get_picture(things.picture.id).unwrap().is_shared);
    assert!(is_refused(bob.delete_picture(things.picture.id)));
    assert!(is_absent(bob.get_job(things.drawing.id)));
    for (id, shared) in [(things.dataset.id, false), (things.dataset.id, true)] {
        views.owner.share_dataset(id, shared).unwrap();
    }
    ana.share_dataset(things.dataset.id, false).unwrap();
    assert!(is_absent(bob.get_dataset(things.dataset.id)));
}

#[test]
fn what_was_there_before_accounts_is_the_owners_and_so_is_what_a_removed_account_leaves() {
    let studio = Studio::new();
    let before = studio.dataset("before");
    let views = Views::of(&studio);
    assert!(views.owner.get_dataset(before.id).unwrap().owner.is_none());
    assert!(is_absent(views.ana.get_dataset(before.id)));
    let things = things(&studio, &views.ana);
    let ana = studio.library.find_account("ana").unwrap();
    studio.library.delete_account(ana.id).unwrap();
    assert_eq!(views.owner.get_model(things.model.id).unwrap().owner, None);
    assert_eq!(counts(&views.ana), [0; 8]);
    let checked = studio.check();
    assert!(checked.problems.is_empty(), "{checked:?}");
}

#[test]
fn accounts_are_out_of_sight_of_those_who_see_a_part() {
    let studio = Studio::new();
    let views = Views::of(&studio);
    for library in [&views.ana, &views.vera, &views.nobody] {
        assert!(library.list_accounts().is_err() && library.find_login("olga").is_err());
        assert!(library.list_tokens(None).unwrap().is_empty());
        assert_eq!(library.page_of_audit((0, 9)).unwrap().total, 0);
        let ana = studio.library.find_account("ana").unwrap().id;
        assert!(library.delete_account(ana).is_err());
    }
}

#[test]
fn whose_run_it_is_makes_its_model_where_it_has_none() {
    let studio = Studio::new();
    let views = Views::of(&studio);
    let things = things(&studio, &views.ana);
    let run = things.run.id;
    // As of one that was cancelled after its last step.
    views.ana.delete_model(things.model.id).unwrap();
    studio.library.empty_trash(0).unwrap();
    assert!(is_absent(views.bob.make_result(run)));
    let made = views.ana.make_result(run).unwrap().unwrap();
    assert_eq!((made.owner.as_deref(), made.run), (Some("ana"), Some(run)));
    assert_eq!(views.ana.find_result(run).unwrap(), Some(made));
}
