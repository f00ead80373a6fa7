//! Pictures that come one by one, images by their ids, pages of datasets.

use atelier_core::Crop;
use atelier_store::{Addition, AdditionOutcome, CaptionEdit, Edit, Edits};

use crate::{Studio, picture};

fn addition(studio: &Studio, shade: u8, caption: &str, crop: Option<Crop>) -> Addition {
    let hold = studio.library.blobs().hold().unwrap();
    let kept = studio.library.keep_image(&hold, "a.png", &picture(shade));
    Addition {
        image: kept.unwrap(),
        file_name: "a.png".to_owned(),
        caption: caption.to_owned(),
        crop,
    }
}

#[test]
fn what_can_be_added_is_and_the_rest_is_told() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces");
    let present = studio.add(&dataset, &[1]).images[0].id;
    let crop = |side| Crop {
        left: 0,
        top: 0,
        side,
    };
    let additions = vec![
        addition(&studio, 1, "", None),
        addition(&studio, 2, "two", Some(crop(24))),
        addition(&studio, 3, "three", Some(crop(25))),
        addition(&studio, 2, "again", None),
        addition(&studio, 4, &"x".repeat(10_001), None),
        addition(&studio, 5, "a\u{1b}b", None),
    ];
    let hold = studio.library.blobs().hold().unwrap();
    let words = Some("dropped  on the page".to_owned());
    let added = studio
        .library
        .add_images(&hold, dataset.id, additions, words);
    let (version, outcomes) = added.unwrap();
    assert_eq!((version.about.number, version.images.len()), (3, 2));
    assert_eq!(version.about.change, "dropped on the page");
    let new = &version.images[1];
    assert_eq!((new.caption.as_str(), new.crop), ("two", Some(crop(24))));
    assert_eq!(outcomes[0], AdditionOutcome::Present(present));
    assert_eq!(outcomes[1], AdditionOutcome::Added(new.id));
    assert_eq!(outcomes[3], AdditionOutcome::Present(new.id));
    for (at, reason) in [(2, "40×24"), (4, "10000 characters"), (5, "control")] {
        let AdditionOutcome::Refused(problem) = &outcomes[at] else {
            panic!("{:?}", outcomes[at]);
        };
        assert!(problem.contains(reason), "{problem}");
    }
    let nothing = studio
        .library
        .add_images(&hold, dataset.id, Vec::new(), None);
    assert_eq!(nothing.unwrap().0.about.number, 3);
}

#[test]
fn an_image_is_found_as_it_was_in_each_version_and_as_it_was_last() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces");
    let image = studio.add(&dataset, &[1]).images[0].id;
    let library = &studio.library;
    let edit = |edit| library.edit_dataset(dataset.id, None, vec![edit]).unwrap();
    edit(Edit::EditCaption(image, CaptionEdit::AddTrigger));
    edit(Edit::Remove(image));
    let caption = |number| {
        let found = library.get_image(dataset.id, image, number);
        found.map(|image| image.caption)
    };
    assert_eq!(caption(Some(2)).unwrap(), "grey 1");
    let last = caption(None).unwrap();
    assert!(last.contains("BlobCharV1"), "{last}");
    assert_eq!(caption(Some(3)).unwrap(), last);
    for absent in [1, 4, 9] {
        let error = caption(Some(absent)).unwrap_err().to_string();
        assert!(error.starts_with("there is no image"), "{error}");
    }
    let other = studio.dataset("Others");
    assert!(library.get_image(other.id, image, None).is_err());
}

#[test]
fn the_words_of_a_change_are_kept_or_refused() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces");
    let image = studio.add(&dataset, &[1]).images[0].id;
    let edit = |caption: &str, words: &str| {
        let wanted = Edits {
            edits: vec![Edit::SetCaption(image, caption.to_owned())],
            expected: None,
            change: Some(words.to_owned()),
        };
        studio.library.edit_dataset_as(dataset.id, wanted)
    };
    assert_eq!(edit("a", " tidied  up ").unwrap().about.change, "tidied up");
    for words in [" ", "a\u{1b}b", &"x".repeat(201)] {
        assert!(edit("b", words).is_err(), "{words}");
    }
}

#[test]
fn pages_hold_the_datasets_in_the_order_of_lists_with_their_covers() {
    let studio = Studio::new();
    let datasets: Vec<_> = ["a", "b", "c"].map(|name| studio.dataset(name)).into();
    studio.clock.forward(1);
    let cover = studio.add(&datasets[0], &[1, 2]).images[0].id;
    studio.library.delete_dataset(datasets[1].id).unwrap();
    let names = |is_trash, part| {
        let page = studio.library.page_of_datasets(is_trash, part).unwrap();
        let names = page.datasets.iter().map(|one| one.about.name.clone());
        (names.collect::<Vec<_>>().join(" "), page.total)
    };
    assert_eq!(names(false, (0, 9)), ("a c".to_owned(), 2));
    assert_eq!(names(false, (1, 1)), ("c".to_owned(), 2));
    assert_eq!(names(false, (2, 1)), (String::new(), 2));
    assert_eq!(names(true, (0, 9)), ("b".to_owned(), 1));
    let cover_of = |at: usize| studio.library.get_dataset(datasets[at].id).unwrap().cover;
    assert_eq!((cover_of(0), cover_of(2)), (Some(cover), None));
    assert_eq!(studio.library.id().unwrap(), studio.again().id().unwrap());
}
