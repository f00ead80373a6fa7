//! Folders of pictures into datasets and back.

use atelier_core::{CancelFlag, Crop};
use atelier_data::{Limits, crops_json, read_folder};

use crate::{Studio, write_picture};

#[test]
fn a_folder_comes_in_and_goes_out_as_the_same_dataset() {
    let studio = Studio::new();
    let folder = studio.path("10_blob-faces");
    fs_err::create_dir(&folder).unwrap();
    for shade in [3, 1, 2] {
        write_picture(&folder.join(format!("{shade}.png")), shade);
    }
    fs_err::write(folder.join("1.txt"), "a  grey\nface").unwrap();
    let crop = Crop {
        left: 2,
        top: 3,
        side: 20,
    };
    let crops = crops_json([("3.png".to_owned(), crop)]);
    fs_err::write(folder.join("crops.json"), crops).unwrap();
    let before = read_folder(&folder, false, &Limits::default()).unwrap();

    let library = &studio.library;
    let dataset = studio.dataset("faces");
    let imported = library
        .import_folder(dataset.id, (&folder, false), &CancelFlag::default())
        .unwrap();
    assert_eq!((imported.added, imported.twins.len()), (3, 0));
    let names = imported.version.images.iter();
    let names: Vec<_> = names.map(|image| image.file_name.as_str()).collect();
    assert_eq!(names, ["1.png", "2.png", "3.png"]);
    let captions = imported.version.images.iter();
    let captions: Vec<_> = captions.map(|image| image.caption.as_str()).collect();
    assert_eq!(captions, ["a grey face", "blob faces", "blob faces"]);
    let told =
        "2 of 3 pictures have no caption of their own and get `blob faces`, the folder's name";
    assert!(
        imported.notes.iter().any(|note| note == told),
        "{:?}",
        imported.notes
    );
    assert_eq!(imported.version.about.hash, before.version);

    let out = studio.path("out");
    let exported = library
        .export_version(dataset.id, None, &out, &CancelFlag::default())
        .unwrap();
    assert_eq!((exported.number, exported.image_count), (2, 3));
    let after = read_folder(&out, false, &Limits::default()).unwrap();
    assert_eq!(after.version, before.version);
    assert_eq!(
        after.samples[..]
            .iter()
            .filter(|s| s.crop.is_some())
            .count(),
        1
    );
    let error = library
        .export_version(dataset.id, None, &out, &CancelFlag::default())
        .unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");

    let again = library
        .import_folder(dataset.id, (&out, false), &CancelFlag::default())
        .unwrap();
    assert_eq!((again.added, again.twins.len()), (0, 3));
    assert!(again.notes.is_empty(), "what is exported has every caption");
    assert_eq!(again.version.about.number, 2);
}

#[test]
fn one_bad_picture_keeps_a_folder_out_unless_it_may_be_skipped() {
    let studio = Studio::new();
    let folder = studio.path("folder");
    fs_err::create_dir(&folder).unwrap();
    write_picture(&folder.join("good.png"), 5);
    fs_err::write(folder.join("bad.png"), b"no picture").unwrap();
    let dataset = studio.dataset("faces");
    let error = studio
        .library
        .import_folder(dataset.id, (&folder, false), &CancelFlag::default());
    assert!(error.unwrap_err().to_string().contains("bad.png"));
    assert_eq!(studio.library.get_dataset(dataset.id).unwrap().version, 1);
    let imported = studio
        .library
        .import_folder(dataset.id, (&folder, true), &CancelFlag::default())
        .unwrap();
    assert_eq!((imported.added, imported.skipped.len()), (1, 1));
}

#[test]
fn an_exported_folder_is_known_as_long_as_nobody_changes_it() {
    let studio = Studio::new();
    let dataset = studio.dataset("faces");
    studio.add(&dataset, &[1, 2]);
    let out = studio.path("out");
    let is_export = || studio.library.is_export(dataset.id, None, &out).unwrap();
    let written = || {
        if out.exists() {
            fs_err::remove_dir_all(&out).unwrap();
        }
        studio
            .library
            .export_version(dataset.id, None, &out, &CancelFlag::default())
            .unwrap();
        assert!(is_export());
    };
    written();
    fs_err::write(out.join("grey-1.txt"), "other words").unwrap();
    assert!(!is_export());
    written();
    write_picture(&out.join("grey-2.png"), 9);
    assert!(!is_export());
    written();
    fs_err::remove_file(out.join("grey-2.png")).unwrap();
    assert!(!is_export());
    written();
    write_picture(&out.join("more.png"), 9);
    assert!(!is_export());
}

#[test]
fn a_damaged_file_is_not_written_out() {
    let studio = Studio::new();
    let dataset = studio.dataset("faces");
    let version = studio.add(&dataset, &[1, 2]);
    let blob = studio.library.blobs().path(&version.images[1].blob);
    fs_err::remove_file(&blob).unwrap();
    fs_err::write(&blob, b"something else").unwrap();
    let out = studio.path("out");
    let error = studio
        .library
        .export_version(dataset.id, None, &out, &CancelFlag::default());
    assert!(error.unwrap_err().to_string().contains("another content"));
    let left = fs_err::read_dir(studio.folder.path()).unwrap().count();
    assert_eq!(left, 1, "only the library itself");
}

#[test]
fn a_folder_that_is_refused_leaves_no_dataset_behind() {
    let studio = Studio::new();
    let folder = studio.path("folder");
    fs_err::create_dir(&folder).unwrap();
    let create = || {
        let about = crate::about("faces");
        studio
            .library
            .create_dataset_from(about, (&folder, false), &CancelFlag::default())
    };
    assert!(create().is_err());
    write_picture(&folder.join("good.png"), 5);
    for caption in ["a\u{7}b", &"long ".repeat(2001)] {
        fs_err::write(folder.join("good.txt"), caption).unwrap();
        let error = create().unwrap_err().to_string();
        assert!(error.contains("`good.png`: its caption"), "{error}");
    }
    assert!(studio.library.list_datasets().unwrap().is_empty());
    assert!(studio.library.list_deleted_datasets().unwrap().is_empty());
    fs_err::write(folder.join("good.txt"), "good").unwrap();
    let made = create().unwrap();
    assert_eq!((made.added, made.version.about.number), (1, 2));
    let error = create().unwrap_err().to_string();
    assert_eq!(error, "there is a dataset `faces` already");
}

#[test]
fn two_who_import_the_same_folder_at_once_add_each_picture_once() {
    let studio = Studio::new();
    let folder = studio.path("folder");
    fs_err::create_dir(&folder).unwrap();
    for shade in 0..6 {
        write_picture(&folder.join(format!("{shade}.png")), shade);
    }
    let dataset = studio.dataset("faces");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (studio, folder, id) = (&studio, &folder, dataset.id);
            scope.spawn(move || {
                let cancel = CancelFlag::default();
                studio
                    .again()
                    .import_folder(id, (folder, false), &cancel)
                    .unwrap();
            });
        }
    });
    let newest = studio.library.get_version(dataset.id, None).unwrap();
    assert_eq!((newest.images.len(), newest.about.number), (6, 2));
}

#[test]
fn importing_again_mends_a_damaged_file() {
    let studio = Studio::new();
    let folder = studio.path("folder");
    fs_err::create_dir(&folder).unwrap();
    write_picture(&folder.join("a.png"), 5);
    let dataset = studio.dataset("faces");
    let import = || {
        let cancel = CancelFlag::default();
        studio
            .library
            .import_folder(dataset.id, (&folder, false), &cancel)
    };
    let version = import().unwrap().version;
    fs_err::remove_file(studio.library.blobs().path(&version.images[0].blob)).unwrap();
    let problems = studio.check().problems;
    assert!(
        problems[0].contains("of `a.png` in dataset `faces` is gone"),
        "{problems:?}"
    );
    assert_eq!(import().unwrap().twins.len(), 1);
    assert_eq!(studio.check().problems, [""; 0]);
}

#[test]
fn what_was_asked_to_stop_adds_nothing() {
    let studio = Studio::new();
    let folder = studio.path("folder");
    fs_err::create_dir(&folder).unwrap();
    write_picture(&folder.join("a.png"), 5);
    let cancel = CancelFlag::default();
    cancel.cancel();
    let made = studio
        .library
        .create_dataset_from(crate::about("faces"), (&folder, false), &cancel);
    assert!(matches!(made, Err(atelier_store::Error::Cancelled)));
    assert!(studio.library.list_datasets().unwrap().is_empty());
}
