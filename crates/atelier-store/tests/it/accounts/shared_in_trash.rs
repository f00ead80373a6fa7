//! What is shared and in the trash: nobody else sees it, and whose it is may share it no longer.

use atelier_store::{Error, Library, ModelChange};

use super::privacy::{Things, Views, is_absent, is_refused, new_run, things};
use crate::Studio;

fn share_all(ana: &Library, things: &Things, is_shared: bool) {
    let Things {
        dataset,
        run,
        model,
        picture,
        ..
    } = things;
    ana.share_dataset(dataset.id, is_shared).unwrap();
    ana.share_run(run.id, is_shared).unwrap();
    ana.share_model(model.id, is_shared).unwrap();
    ana.share_picture(picture.id, is_shared).unwrap();
}

fn delete_all(ana: &Library, things: &Things) {
    ana.delete_dataset(things.dataset.id).unwrap();
    ana.delete_run(things.run.id).unwrap();
    ana.delete_model(things.model.id).unwrap();
    ana.delete_picture(things.picture.id).unwrap();
}

fn restore_all(ana: &Library, things: &Things) {
    ana.restore_dataset(things.dataset.id).unwrap();
    ana.restore_run(things.run.id).unwrap();
    ana.restore_model(things.model.id).unwrap();
    ana.restore_picture(things.picture.id).unwrap();
}

/// How many things of each kind the trash shows.
fn in_trash(library: &Library) -> [u32; 4] {
    let page = (0, 50);
    [
        library.page_of_datasets(true, page).unwrap().total,
        library.page_of_runs(true, None, page).unwrap().total,
        library.page_of_models(true, None, page).unwrap().total,
        library.page_of_pictures(true, page).unwrap().total,
    ]
}

/// Which of dataset, version, run, checkpoints, job, attempts, model and picture somebody sees.
fn seen(library: &Library, things: &Things) -> [bool; 8] {
    let (dataset, run, job) = (things.dataset.id, things.run.id, things.job.id);
    [
        library.get_dataset(dataset).is_ok(),
        library.get_version(dataset, None).is_ok(),
        library.get_run(run).is_ok(),
        library
            .find_checkpoint(&things.model.hash)
            .unwrap()
            .is_some(),
        library.get_job(job).is_ok(),
        !library.list_attempts(job).unwrap().is_empty(),
        library.get_model(things.model.id).is_ok(),
        library.get_picture(things.picture.id).is_ok(),
    ]
}

#[test]
fn what_is_shared_is_out_of_sight_of_others_while_it_is_in_the_trash() {
    let studio = Studio::new();
    let views = Views::of(&studio);
    let things = things(&studio, &views.ana);
    let image = views.ana.get_version(things.dataset.id, None);
    let image = image.unwrap().images[0].id;
    share_all(&views.ana, &things, true);
    for library in [&views.bob, &views.vera] {
        assert_eq!(seen(library, &things), [true; 8]);
    }
    delete_all(&views.ana, &things);
    for library in views.others() {
        assert_eq!(seen(library, &things), [false; 8]);
        assert_eq!(in_trash(library), [0; 4]);
        assert!(is_absent(library.get_image(things.dataset.id, image, None)));
        assert!(is_absent(library.losses(things.run.id)));
        assert!(is_absent(library.verify_model(things.model.id, None)));
    }
    for library in [&studio.library, &views.owner, &views.ana] {
        assert_eq!(seen(library, &things), [true; 8]);
        assert_eq!(in_trash(library), [1; 4]);
    }
    let bob = &views.bob;
    assert!(is_absent(bob.create_model(things.run.id, 1, None)));
    assert!(is_absent(bob.restore_model(things.model.id)));
    assert!(is_absent(bob.share_dataset(things.dataset.id, false)));
    assert!(is_absent(bob.start_from_picture(things.picture.id)));
    assert!(is_absent(bob.start_from_image(things.dataset.id, image)));
    assert!(is_absent(bob.create_run(new_run(&things.dataset))));
    restore_all(&views.ana, &things);
    assert_eq!(seen(bob, &things), [true; 8]);
}

#[test]
fn what_is_in_the_trash_is_shared_no_longer_where_its_owner_says_so_and_not_anew() {
    let studio = Studio::new();
    let views = Views::of(&studio);
    let things = things(&studio, &views.ana);
    let ana = &views.ana;
    share_all(ana, &things, true);
    assert!(is_refused(
        views.bob.share_picture(things.picture.id, false)
    ));
    delete_all(ana, &things);
    share_all(ana, &things, false);
    let is_trashed = |done: Option<Error>| matches!(done, Some(Error::Trashed { .. }));
    assert!(is_trashed(ana.share_dataset(things.dataset.id, true).err()));
    assert!(is_trashed(ana.share_run(things.run.id, true).err()));
    assert!(is_trashed(ana.share_model(things.model.id, true).err()));
    assert!(is_trashed(ana.share_picture(things.picture.id, true).err()));
    restore_all(ana, &things);
    assert_eq!(seen(&views.bob, &things), [false; 8]);
    assert!(!ana.get_run(things.run.id).unwrap().is_shared);
}

#[test]
fn what_others_made_of_shared_things_stays_theirs_when_these_are_deleted() {
    let studio = Studio::new();
    let views = Views::of(&studio);
    let things = things(&studio, &views.ana);
    let bob = &views.bob;
    share_all(&views.ana, &things, true);
    let run = bob.create_run(new_run(&things.dataset)).unwrap();
    let model = bob.create_model(things.run.id, 1, Some("mine")).unwrap();
    assert_eq!(model.run, Some(things.run.id));
    delete_all(&views.ana, &things);
    let run = bob.get_run(run.id).unwrap();
    assert_eq!((run.dataset, run.dataset_name.as_str()), (None, "faces"));
    let model = bob.get_model(model.id).unwrap();
    // Names of what it comes from, and no way there.
    assert_eq!((model.run, model.dataset), (None, None));
    assert_eq!(model.run_name.as_deref(), Some("faces-1"));
    let lineage = bob.verify_model(model.id, None).unwrap();
    assert!(lineage.run.is_none() && lineage.proofs[0].problem.is_none());
    let renamed = ModelChange {
        strength: Some(0.5),
        ..ModelChange::default()
    };
    assert!(bob.update_model(model.id, renamed).is_ok());
}

#[test]
fn a_run_in_the_trash_becomes_no_model() {
    let studio = Studio::new();
    let views = Views::of(&studio);
    let things = things(&studio, &views.ana);
    views.ana.delete_run(things.run.id).unwrap();
    for library in [&studio.library, &views.owner, &views.ana] {
        let refused = library.create_model(things.run.id, 1, None).unwrap_err();
        let told = "run `faces-1` is in the trash; take it back with `atelier run restore` first";
        assert_eq!(refused.to_string(), told);
    }
    assert_eq!(views.owner.list_models(false).unwrap().len(), 1);
    views.ana.restore_run(things.run.id).unwrap();
    assert!(views.ana.create_model(things.run.id, 1, None).is_ok());
}
