//! Datasets and their versions.

use atelier_core::{Coded as _, Crop, ErrorCode};
use atelier_data::Limits;
use atelier_store::{Edit, Error, PictureError};

use crate::{Studio, about, picture};

#[test]
fn a_dataset_is_found_by_name_and_id_and_names_are_there_once() {
    let studio = Studio::new();
    let made = studio.dataset("  Blob faces ");
    assert_eq!(
        (made.about.name.as_str(), made.version, made.images),
        ("Blob faces", 1, 0)
    );
    assert_eq!(made.about, about("Blob faces"));
    let library = &studio.library;
    assert_eq!(library.find_dataset("blob FACES").unwrap(), made);
    assert_eq!(library.find_dataset(&made.id.to_string()).unwrap(), made);
    let error = library.create_dataset(about("blob faces")).unwrap_err();
    assert_eq!(error.to_string(), "there is a dataset `blob faces` already");
    let error = library.find_dataset("others").unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    let other = studio.dataset("Others");
    assert!(
        library
            .update_dataset(other.id, about("Blob faces"))
            .is_err()
    );
    let renamed = library.update_dataset(other.id, about("Third")).unwrap();
    assert_eq!((renamed.about.name.as_str(), renamed.version), ("Third", 1));
    let names: Vec<_> = library.list_datasets().unwrap();
    assert_eq!(names.len(), 2);
}

#[test]
fn what_cannot_be_a_name_is_refused_with_the_reason() {
    let studio = Studio::new();
    for (name, reason) in [
        (" ", "it is empty"),
        ("a\u{1b}[2Jb", "control characters"),
        (&"x".repeat(201), "more than 200"),
    ] {
        let error = studio.library.create_dataset(about(name)).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    for name in [
        "猫の顔",
        "'; DROP TABLE dataset; --",
        "../x",
        &"é".repeat(200),
    ] {
        studio.dataset(name);
        assert_eq!(studio.library.find_dataset(name).unwrap().about.name, name);
    }
}

#[test]
fn every_change_is_a_version_and_versions_stay() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("faces");
    let two = studio.add(&dataset, &[1, 2, 3]);
    assert_eq!(two.about.number, 2);
    assert_eq!(two.about.change, "3 pictures added");
    let [first, second, _] = two.pictures.clone().try_into().unwrap();
    assert_eq!(
        (first.width, first.height, first.caption.as_str()),
        (40, 24, "grey 1")
    );
    let crop = Crop {
        left: 16,
        top: 0,
        side: 24,
    };
    let edits = vec![
        Edit::SetCaption(first.id, " light\n grey ".to_owned()),
        Edit::SetCrop(second.id, Some(crop)),
    ];
    let three = library.edit_dataset(dataset.id, Some(2), edits).unwrap();
    assert_eq!(three.about.change, "1 caption changed, 1 crop changed");
    assert_eq!(three.pictures[0].caption, "light grey");
    assert_eq!(three.pictures[1].crop, Some(crop));
    assert_eq!(three.pictures[2], two.pictures[2]);
    let four = library.edit_dataset(dataset.id, None, vec![Edit::Remove(first.id)]);
    let four = four.unwrap();
    assert_eq!(four.pictures.len(), 2);
    for kept in [&two, &three, &four] {
        let read = library.get_version(dataset.id, Some(kept.about.number));
        assert_eq!(&read.unwrap(), kept);
    }
    let versions = library.list_versions(dataset.id).unwrap();
    let numbers: Vec<_> = versions.iter().map(|version| version.number).collect();
    assert_eq!(numbers, [4, 3, 2, 1]);
    let difference = library.compare_versions(dataset.id, Some(2), None).unwrap();
    assert_eq!((difference.from, difference.to), (2, 4));
    assert_eq!(difference.removed, [first]);
    assert!(difference.added.is_empty());
    assert_eq!(difference.changed.len(), 1);
    assert_eq!(difference.changed[0].crop, Some([None, Some(crop)]));
    let back = library
        .compare_versions(dataset.id, Some(4), Some(2))
        .unwrap();
    assert_eq!(back.added.len(), 1);
    assert!(
        library
            .compare_versions(dataset.id, Some(1), Some(9))
            .is_err()
    );
}

#[test]
fn an_edit_that_changes_nothing_makes_no_version_and_one_that_fails_neither() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("faces");
    let before = studio.add(&dataset, &[1, 2]);
    let image = before.pictures[0].id;
    let same = vec![
        Edit::SetCaption(image, "grey 1".to_owned()),
        Edit::SetCrop(image, None),
    ];
    assert_eq!(
        library.edit_dataset(dataset.id, None, same).unwrap(),
        before
    );
    let back_and_forth = vec![
        Edit::SetCaption(image, "other".to_owned()),
        Edit::SetCaption(image, "grey 1".to_owned()),
    ];
    let after = library
        .edit_dataset(dataset.id, None, back_and_forth)
        .unwrap();
    assert_eq!(after.about.hash, before.about.hash);
    let outside = Crop {
        left: 17,
        top: 0,
        side: 24,
    };
    let half = vec![
        Edit::SetCaption(image, "half done".to_owned()),
        Edit::SetCrop(image, Some(outside)),
    ];
    let error = library.edit_dataset(dataset.id, None, half).unwrap_err();
    assert!(error.to_string().contains("40×24"), "{error}");
    let newest = library.get_version(dataset.id, None).unwrap();
    assert_eq!(newest.pictures[0].caption, "grey 1");
}

#[test]
fn a_change_to_an_older_version_is_a_conflict() {
    let studio = Studio::new();
    let dataset = studio.dataset("faces");
    studio.add(&dataset, &[1]);
    let edit = studio.library.edit_dataset(dataset.id, Some(1), Vec::new());
    let error = edit.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Conflict);
    assert!(error.to_string().contains("is at version 2"), "{error}");
}

#[test]
fn two_who_change_at_once_lose_nothing() {
    let studio = Studio::new();
    let dataset = studio.dataset("faces");
    std::thread::scope(|scope| {
        for shade in 0..8 {
            let (studio, dataset) = (&studio, &dataset);
            scope.spawn(move || studio.add(dataset, &[shade * 2, shade * 2 + 1]));
        }
    });
    let newest = studio.library.get_version(dataset.id, None).unwrap();
    assert_eq!((newest.about.number, newest.pictures.len()), (9, 16));
    let same = studio.library.get_dataset(dataset.id).unwrap();
    assert_eq!((same.version, same.images), (9, 16));
    assert_eq!(same.hash, newest.about.hash);
}

#[test]
fn what_is_no_picture_is_not_kept() {
    let studio = Studio::new();
    let hold = studio.library.blobs().hold().unwrap();
    let limits = Limits::default();
    let whole = picture(7);
    for bytes in [&b"GIF89a"[..], b"", &whole[..whole.len() / 2]] {
        let error = studio
            .library
            .keep_picture(&hold, bytes, &limits)
            .unwrap_err();
        assert!(matches!(error, PictureError::Picture(_)));
    }
    assert_eq!(studio.library.check().unwrap().unnamed.len(), 0);
}

#[test]
fn what_is_not_there_says_so() {
    let studio = Studio::new();
    let dataset = studio.dataset("faces");
    let library = &studio.library;
    let version = library.get_version(dataset.id, Some(7)).unwrap_err();
    assert!(matches!(
        version,
        Error::NotFound {
            what: "version",
            ..
        }
    ));
    let version = studio.add(&dataset, &[1]);
    let gone = version.pictures[0].id;
    library
        .edit_dataset(dataset.id, None, vec![Edit::Remove(gone)])
        .unwrap();
    let again = library.edit_dataset(dataset.id, None, vec![Edit::Remove(gone)]);
    assert!(matches!(
        again.unwrap_err(),
        Error::NotFound {
            what: "picture",
            ..
        }
    ));
    assert!("no-id".parse::<atelier_store::DatasetId>().is_err());
}
