//! Models that are made of runs, and how they are followed back.

use atelier_core::CancelFlag;
use atelier_store::{AboutChange, Error, ModelChange, NewModel, RunEnd, Verdict};

use super::*;
use crate::{Studio, about};

#[test]
fn a_model_is_followed_back_to_its_pictures() {
    let studio = Studio::new();
    let library = &studio.library;
    let (dataset, run) = trained(&studio);
    let model = library.create_model(run.id, 2, None).unwrap();
    assert_eq!(
        (model.about.name.as_str(), model.epoch),
        ("faces-1", Some(2))
    );
    assert_eq!(model.about.trigger_word, "BlobCharV1");
    assert_eq!(model.dataset, Some(dataset.id));
    assert_eq!(library.get_run(run.id).unwrap().model, Some(model.id));
    let on_it = library.list_models_on(dataset.id).unwrap();
    assert_eq!(on_it, std::slice::from_ref(&model));
    assert_eq!(library.list_models_of(run.id).unwrap().len(), 1);
    let lineage = verified(&studio, &model);
    assert_eq!(lineage.proofs.len(), 5);
    assert!(lineage.is_proved(), "{:?}", lineage.proofs);
    // Changing the dataset since is another version, and no problem.
    let image = library.get_version(dataset.id, None).unwrap().images[0].id;
    let edit = Edit::SetCaption(image, "other".to_owned());
    library.edit_dataset(dataset.id, None, vec![edit]).unwrap();
    assert!(verified(&studio, &model).is_proved());
    let problem = |what: &str| {
        let lineage = verified(&studio, &model);
        assert_eq!(lineage.verdict(), Verdict::Refuted);
        let problems = lineage.proofs.into_iter().filter_map(|proof| proof.problem);
        let problems: Vec<_> = problems.collect();
        assert!(problems.iter().any(|p| p.contains(what)), "{problems:?}");
    };
    // The file of a picture, then the adapter itself.
    let blob = library.get_version(dataset.id, Some(2)).unwrap().images[0]
        .blob
        .clone();
    fs_err::remove_file(library.blobs().path(&blob)).unwrap();
    problem("the file of `grey-1.png` is gone");
    fs_err::remove_file(library.model_file(&model)).unwrap();
    let other = adapter_on(&run.dataset_hash, 9);
    fs_err::write(library.model_file(&model), other).unwrap();
    problem("another content");
    assert!(
        library
            .export_model(model.id, &studio.path("a.safetensors"))
            .is_err()
    );
}

#[test]
fn a_proof_that_nobody_waits_for_any_more_reads_no_further_file() {
    let studio = Studio::new();
    let library = &studio.library;
    let (_, run) = trained(&studio);
    let model = library.create_model(run.id, 2, None).unwrap();
    let cancel = CancelFlag::default();
    let base = |_: &str| Some("b".repeat(64));
    let proved = library.prove_model(model.id, Some(&base), &cancel);
    assert!(proved.unwrap().is_proved());
    cancel.cancel();
    let unread = |_: &str| -> Option<String> { unreachable!("nobody waits for the base") };
    let stopped = library.prove_model(model.id, Some(&unread), &cancel);
    assert!(matches!(stopped, Err(Error::Cancelled)), "{stopped:?}");
}

#[test]
fn a_run_that_has_not_ended_has_noted_what_models_are_made_of() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("faces");
    studio.add(&dataset, &[1]);
    let run = run_of(&studio, &dataset);
    let (_, sitting) = library.begin_run(run.id).unwrap();
    write_epoch(&run, 1);
    write_epoch(&run, 2);
    let model = library.create_model(run.id, 1, None).unwrap();
    let wrote = || {
        let lineage = verified(&studio, &model);
        lineage.proofs[1].problem.clone()
    };
    assert_eq!(wrote(), None);
    let change = ModelChange {
        epoch: Some(2),
        ..ModelChange::default()
    };
    library.update_model(model.id, change).unwrap();
    assert_eq!(wrote(), None);
    write_epoch(&run, 3);
    let file = library.list_checkpoints(run.id).unwrap()[2].path.clone();
    let hash = atelier_weights::sha256_file(&file).unwrap();
    // As a killed process leaves it; the next one that trains the run notes what is there.
    drop(sitting);
    assert!(library.find_checkpoint(&hash).unwrap().is_none());
    let (_, _sitting) = library.begin_run(run.id).unwrap();
    let (_, found) = library.find_checkpoint(&hash).unwrap().unwrap();
    assert_eq!(found.epoch, 3);
}

#[test]
fn an_epoch_that_is_trained_again_is_what_the_run_wrote_too() {
    let studio = Studio::new();
    let library = &studio.library;
    let (_, run) = trained(&studio);
    let before = library.create_model(run.id, 2, None).unwrap();
    let (_, sitting) = library.begin_run(run.id).unwrap();
    write_epoch_on(&run, 2, "other");
    library.end_run(sitting, completed()).unwrap();
    let after = library.create_model(run.id, 2, None).unwrap();
    assert_ne!(before.hash, after.hash);
    for model in [&before, &after] {
        assert_eq!(verified(&studio, model).proofs[1].problem, None);
    }
    assert_eq!(studio.check().problems, [""; 0]);
    assert!(library.find_checkpoint(&before.hash).unwrap().is_none());
    assert!(library.find_checkpoint(&after.hash).unwrap().is_some());
}

#[test]
fn a_model_takes_another_epoch_name_and_strength() {
    let studio = Studio::new();
    let library = &studio.library;
    let (_, run) = trained(&studio);
    let model = library.create_model(run.id, 2, Some("blob")).unwrap();
    let error = library.create_model(run.id, 1, Some("BLOB")).unwrap_err();
    assert!(error.to_string().contains("already"), "{error}");
    let [first, second] = [(); 2].map(|()| library.create_model(run.id, 1, None).unwrap());
    assert_eq!(first.about.name, "faces-1");
    assert_eq!(second.about.name, "faces-1 2");
    let error = library.create_model(run.id, 3, Some("c")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "run `faces-1` has no checkpoint of epoch 3; it has 1, 2"
    );
    let change = ModelChange {
        about: AboutChange {
            name: Some("blob one".to_owned()),
            ..AboutChange::default()
        },
        strength: Some(1.1),
        epoch: Some(1),
    };
    let changed = library.update_model(model.id, change).unwrap();
    assert_eq!(changed.about.name, "blob one");
    assert_eq!((changed.strength, changed.epoch), (1.1, Some(1)));
    assert_ne!(changed.hash, model.hash);
    let out = studio.path("out/blob.safetensors");
    library.export_model(model.id, &out).unwrap();
    let exported = fs_err::read(&out).unwrap();
    assert_eq!(exported, adapter_on(&run.dataset_hash, 1));
    let new = NewModel {
        about: about("again"),
        strength: None,
        base: "atelier-mini".to_owned(),
        base_hash: None,
    };
    let again = library.import_model(new, &out).unwrap();
    assert_eq!((again.run, again.epoch), (Some(run.id), Some(1)));
    assert!(library.export_model(model.id, &out).is_err());
    let (_, first) = library.model_checkpoint(&changed, 1).unwrap();
    assert_eq!((first.epoch, &first.hash), (1, &changed.hash));
    assert!(library.model_checkpoint(&changed, 9).is_err());
    let (of, found) = library.find_checkpoint(&model.hash).unwrap().unwrap();
    assert_eq!((of.id, found.epoch), (run.id, 2));
    assert!(library.find_checkpoint("0").unwrap().is_none());
    let strength = |strength| {
        let change = ModelChange {
            strength: Some(strength),
            ..ModelChange::default()
        };
        library.update_model(model.id, change)
    };
    assert!(strength(1.6).is_err() && strength(f32::NAN).is_err());
    for name in ["", "a:0.8", "../a", "a\nb", ".hidden"] {
        assert!(
            library.create_model(run.id, 1, Some(name)).is_err(),
            "{name}"
        );
    }
}

#[test]
fn a_checkpoint_that_is_not_what_the_run_wrote_becomes_no_model() {
    let studio = Studio::new();
    let (_, run) = trained(&studio);
    let path = studio.library.list_checkpoints(run.id).unwrap()[0]
        .path
        .clone();
    fs_err::write(path, "adapter X").unwrap();
    let error = studio.library.create_model(run.id, 1, None).unwrap_err();
    assert!(
        error.to_string().contains("not what the run wrote"),
        "{error}"
    );
    assert!(studio.library.list_models(false).unwrap().is_empty());
}

#[test]
fn a_model_from_a_file_and_one_whose_base_nobody_looked_at_are_not_proved() {
    let studio = Studio::new();
    let library = &studio.library;
    let (_, run) = trained(&studio);
    let model = library.create_model(run.id, 2, None).unwrap();
    let unseen = library.verify_model(model.id, None).unwrap();
    assert_eq!(unseen.verdict(), Verdict::NotProvable);
    let problem = unseen.proofs[4].problem.as_deref();
    assert_eq!(problem, Some("the base was not looked at"));
    let other = |_: &str| Some("c".repeat(64));
    let other = library.verify_model(model.id, Some(&other)).unwrap();
    assert_eq!(other.verdict(), Verdict::Refuted);
    let file = studio.path("other.safetensors");
    fs_err::write(&file, "from elsewhere").unwrap();
    let new = NewModel {
        about: about("other"),
        strength: None,
        base: "atelier-mini".to_owned(),
        base_hash: None,
    };
    let imported = library.import_model(new, &file).unwrap();
    let lineage = verified(&studio, &imported);
    assert_eq!(lineage.verdict(), Verdict::NotProvable);
    let problem = lineage.proofs[1].problem.as_deref();
    let expected = "it comes from a file and from no run of this library";
    assert_eq!(problem, Some(expected));
}

#[test]
fn a_run_that_trained_on_other_pictures_is_refuted_unless_it_said_what_it_left_out() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("faces");
    studio.add(&dataset, &[1, 2]);
    let less = studio.dataset("less");
    let rest = studio.add(&less, &[1]).about.hash;
    let verdict = |hash: &str, end: RunEnd| {
        let run = run_of(&studio, &dataset);
        let (_, sitting) = library.begin_run(run.id).unwrap();
        write_epoch_on(&run, 1, hash);
        let model = library.create_model(run.id, 1, None).unwrap();
        library.end_run(sitting, end).unwrap();
        let proof = verified(&studio, &model).proofs[3].clone();
        (proof.verdict, proof.problem)
    };
    let other = "the file says that it was trained on other pictures".to_owned();
    let refuted = (Verdict::Refuted, Some(other));
    assert_eq!(verdict("c", completed()), refuted);
    assert_eq!(verdict(&rest, completed()), refuted);
    let skipped = || RunEnd {
        skipped: vec!["`/x/grey-2.png`: it is damaged".to_owned()],
        ..completed()
    };
    assert_eq!(verdict(&rest, skipped()), (Verdict::Proved, None));
    assert_eq!(verdict("c", skipped()).0, Verdict::NotProvable);
    assert_eq!(verdict(&rest, RunEnd::default()).0, Verdict::NotProvable);
}

#[test]
fn a_model_that_a_user_made_meanwhile_does_not_stand_for_the_finished_one() {
    let studio = Studio::new();
    let library = &studio.library;
    let (_, run) = trained(&studio);
    let own = library.create_model(run.id, 1, None).unwrap();
    let result = library.model_of_run(run.id).unwrap();
    assert_ne!(result.id, own.id);
    assert_eq!(result.epoch, Some(2));
    assert_eq!(library.model_of_run(run.id).unwrap(), result);
    library.delete_model(result.id).unwrap();
    assert_eq!(library.model_of_run(run.id).unwrap().id, result.id);
    assert_eq!(library.list_models(false).unwrap(), [own]);
}

#[test]
fn a_model_is_shown_by_the_prompts_that_its_run_was_previewed_with() {
    let studio = Studio::new();
    let (dataset, run) = trained(&studio);
    let model = studio.library.create_model(run.id, 2, None).unwrap();
    let usual = model.about.category.preview_prompts("BlobCharV1");
    assert_eq!(model.preview_prompts, usual);
    let mut new = new_run(&studio, &dataset);
    new.config.preview_prompts = vec!["BlobCharV1, winking".to_owned()];
    let run = studio.library.create_run(new).unwrap();
    let (_, sitting) = studio.library.begin_run(run.id).unwrap();
    write_epoch(&run, 2);
    studio.library.end_run(sitting, completed()).unwrap();
    let model = studio.library.create_model(run.id, 2, None).unwrap();
    assert_eq!(model.preview_prompts, ["BlobCharV1, winking"]);
}
