//! Folders of pictures into datasets and back.

use atelier_core::Crop;
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
    let imported = library.import_folder(dataset.id, &folder, false).unwrap();
    assert_eq!((imported.added, imported.twins.len()), (3, 0));
    let names = imported.version.pictures.iter();
    let names: Vec<_> = names.map(|image| image.file_name.as_str()).collect();
    assert_eq!(names, ["1.png", "2.png", "3.png"]);
    let captions = imported.version.pictures.iter();
    let captions: Vec<_> = captions.map(|image| image.caption.as_str()).collect();
    assert_eq!(captions, ["a grey face", "blob faces", "blob faces"]);
    assert_eq!(imported.version.about.hash, before.version);

    let out = studio.path("out");
    let exported = library.export_version(dataset.id, None, &out).unwrap();
    assert_eq!((exported.number, exported.images), (2, 3));
    let after = read_folder(&out, false, &Limits::default()).unwrap();
    assert_eq!(after.version, before.version);
    assert_eq!(
        after.samples[..]
            .iter()
            .filter(|s| s.crop.is_some())
            .count(),
        1
    );
    let error = library.export_version(dataset.id, None, &out).unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");

    let again = library.import_folder(dataset.id, &out, false).unwrap();
    assert_eq!((again.added, again.twins.len()), (0, 3));
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
    let error = studio.library.import_folder(dataset.id, &folder, false);
    assert!(error.unwrap_err().to_string().contains("bad.png"));
    assert_eq!(studio.library.get_dataset(dataset.id).unwrap().version, 1);
    let imported = studio
        .library
        .import_folder(dataset.id, &folder, true)
        .unwrap();
    assert_eq!((imported.added, imported.skipped.len()), (1, 1));
}

#[test]
fn a_damaged_file_is_not_written_out() {
    let studio = Studio::new();
    let dataset = studio.dataset("faces");
    let version = studio.add(&dataset, &[1, 2]);
    let blob = studio.library.blobs().path(&version.pictures[1].blob);
    fs_err::remove_file(&blob).unwrap();
    fs_err::write(&blob, b"something else").unwrap();
    let out = studio.path("out");
    let error = studio.library.export_version(dataset.id, None, &out);
    assert!(error.unwrap_err().to_string().contains("another content"));
    let left = fs_err::read_dir(studio.folder.path()).unwrap().count();
    assert_eq!(left, 1, "only the library itself");
}
