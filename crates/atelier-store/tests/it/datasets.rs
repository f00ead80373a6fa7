//! Datasets and their versions.

use atelier_core::{Coded as _, Crop, ErrorCode};
use atelier_store::{AboutChange, CaptionEdit, Edit, Error, MAX_CHANGES};

use crate::{Studio, about, picture};

#[test]
fn a_dataset_is_found_by_name_and_id_and_names_are_there_once() {
    let studio = Studio::new();
    let made = studio.dataset("  Blob faces ");
    assert_eq!(
        (made.about.name.as_str(), made.version, made.image_count),
        ("Blob faces", 1, 0)
    );
    assert_eq!(made.about, about("Blob faces"));
    let library = &studio.library;
    assert_eq!(library.find_dataset("blob FACES").unwrap(), made);
    assert_eq!(library.find_dataset(&made.id.to_string()).unwrap(), made);
    let error = library.create_dataset(about("blob faces")).unwrap_err();
    assert_eq!(error.to_string(), "there is a dataset `blob faces` already");
    let accented = studio.dataset("E\u{301}tude");
    assert_eq!(accented.about.name, "Étude");
    for same in ["étude", "ÉTUDE", "e\u{301}tude"] {
        assert!(library.create_dataset(about(same)).is_err(), "{same}");
        assert_eq!(library.find_dataset(same).unwrap(), accented);
    }
    library.delete_dataset(accented.id).unwrap();
    let error = library.find_dataset("others").unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    let other = studio.dataset("Others");
    let renamed = |name: &str| {
        let name = Some(name.to_owned());
        let change = AboutChange {
            name,
            ..AboutChange::default()
        };
        library.update_dataset(other.id, change)
    };
    assert!(renamed("Blob faces").is_err());
    let renamed = renamed("Third").unwrap();
    assert_eq!(renamed.about, about("Third"));
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
        ("fac\u{200b}es", "nobody sees"),
        ("a\u{202e}b", "nobody sees"),
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
    let [first, second, _] = two.images.clone().try_into().unwrap();
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
    assert_eq!(three.images[0].caption, "light grey");
    assert_eq!(three.images[1].crop, Some(crop));
    assert_eq!(three.images[2], two.images[2]);
    let four = library.edit_dataset(dataset.id, None, vec![Edit::Remove(first.id)]);
    let four = four.unwrap();
    assert_eq!(four.images.len(), 2);
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
    let image = before.images[0].id;
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
    let after = library.edit_dataset(dataset.id, None, back_and_forth);
    assert_eq!(after.unwrap(), before);
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
    assert_eq!(newest.images[0].caption, "grey 1");
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
fn many_who_change_at_once_lose_nothing() {
    let studio = Studio::new();
    let dataset = studio.dataset("faces");
    std::thread::scope(|scope| {
        for shade in 0..8 {
            let (studio, id) = (&studio, dataset.id);
            scope.spawn(move || {
                let library = studio.again();
                let hold = library.blobs().hold().unwrap();
                let edits = [shade * 2, shade * 2 + 1].map(|shade| Edit::Add {
                    image: library.keep_image(&hold, "a", &picture(shade)).unwrap(),
                    file_name: "a.png".to_owned(),
                    caption: String::new(),
                    crop: None,
                });
                library.edit_dataset(id, None, edits.to_vec()).unwrap();
            });
        }
    });
    let newest = studio.library.get_version(dataset.id, None).unwrap();
    assert_eq!((newest.about.number, newest.images.len()), (9, 16));
    let same = studio.library.get_dataset(dataset.id).unwrap();
    assert_eq!((same.version, same.image_count), (9, 16));
    assert_eq!(same.hash, newest.about.hash);
}

#[test]
fn several_who_change_other_words_of_a_dataset_keep_each_other_s() {
    let studio = Studio::new();
    let dataset = studio.dataset("faces");
    let change = |description: Option<&str>, trigger: Option<&str>| AboutChange {
        description: description.map(str::to_owned),
        trigger_word: trigger.map(str::to_owned),
        ..AboutChange::default()
    };
    let (first, second) = (change(Some("new"), None), change(None, Some("NewV1")));
    studio.library.update_dataset(dataset.id, first).unwrap();
    let both = studio.again().update_dataset(dataset.id, second).unwrap();
    let found = (
        both.about.description.as_str(),
        both.about.trigger_word.as_str(),
    );
    assert_eq!(found, ("new", "NewV1"));
}

#[test]
fn a_name_that_looks_like_an_id_is_a_name() {
    let studio = Studio::new();
    let dataset = studio.dataset("deadbeefdeadbeefdeadbeefdeadbeef");
    let found = studio.library.find_dataset(&dataset.about.name).unwrap();
    assert_eq!(found.id, dataset.id);
}

#[test]
fn what_is_no_picture_is_not_kept() {
    let studio = Studio::new();
    let hold = studio.library.blobs().hold().unwrap();
    let whole = picture(7);
    for bytes in [&b"GIF89a"[..], b"", &whole[..whole.len() / 2]] {
        let error = studio
            .library
            .keep_image(&hold, "x.gif", bytes)
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::BadPicture);
        assert!(error.to_string().contains("x.gif"), "{error}");
    }
    assert_eq!(studio.check().unnamed.len(), 0);
}

#[test]
fn a_file_that_was_removed_before_its_row_came_is_no_image() {
    let studio = Studio::new();
    let dataset = studio.dataset("faces");
    let hold = studio.library.blobs().hold().unwrap();
    let image = studio.library.keep_image(&hold, "a", &picture(7)).unwrap();
    drop(hold);
    assert_eq!(studio.library.empty_trash(0).unwrap().files, Some(1));
    let add = Edit::Add {
        image,
        file_name: "a".to_owned(),
        caption: String::new(),
        crop: None,
    };
    let error = studio.library.edit_dataset(dataset.id, None, vec![add]);
    assert_eq!(error.unwrap_err().code(), ErrorCode::DamagedLibrary);
}

#[test]
fn what_is_not_there_says_so() {
    let studio = Studio::new();
    let dataset = studio.dataset("faces");
    let library = &studio.library;
    let version = library.get_version(dataset.id, Some(7)).unwrap_err();
    let said = version.to_string();
    assert_eq!(said, "dataset `faces` has no version 7, its newest is 1");
    let version = studio.add(&dataset, &[1]);
    let gone = version.images[0].id;
    library
        .edit_dataset(dataset.id, None, vec![Edit::Remove(gone)])
        .unwrap();
    let again = library.edit_dataset(dataset.id, None, vec![Edit::Remove(gone)]);
    assert!(matches!(
        again.unwrap_err(),
        Error::NotFound { what: "image", .. }
    ));
    assert!("no-id".parse::<atelier_store::DatasetId>().is_err());
}

#[test]
fn a_change_for_all_counts_for_each_image_and_is_one_value() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("faces");
    let before = studio.add(&dataset, &[1, 2, 3]);
    let removed = before.images[1].id;
    let append = |text: &str| Edit::EditCaptions(None, CaptionEdit::Append(text.to_owned()));
    let edits = vec![append("a"), Edit::Remove(removed), append("b")];
    let after = library.edit_dataset(dataset.id, None, edits).unwrap();
    let captions: Vec<_> = after.images.iter().map(|image| &image.caption).collect();
    assert_eq!(captions, ["grey 1, a, b", "grey 3, a, b"]);
    let gone = Edit::EditCaptions(Some(vec![removed]), CaptionEdit::AddTrigger);
    assert!(library.edit_dataset(dataset.id, None, vec![gone]).is_err());
    let trigger = || Edit::EditCaptions(None, CaptionEdit::AddTrigger);
    let many = |count: usize| {
        let edits = std::iter::repeat_with(trigger).take(count);
        library.edit_dataset(dataset.id, None, edits.collect())
    };
    let most = MAX_CHANGES / after.images.len();
    assert!(many(most).is_ok());
    let error = many(most + 1).unwrap_err().to_string();
    assert!(error.contains("more than 50000 times"), "{error}");
}
