//! Folders of quickstarts, of others, and of both.

use tempfile::TempDir;

use super::*;
use atelier_failure::code_of;

fn marker(epochs: usize) -> Marker {
    let config = TrainConfig {
        epochs,
        ..TrainConfig::default()
    };
    Marker::new("hash", &config)
}

/// A finished quickstart that holds one file.
fn finished(out: &Path, content: &str) {
    let place = Place::check(out).unwrap();
    place.begin(&marker(1)).unwrap();
    fs_err::write(place.partial.join("report.json"), content).unwrap();
    place.publish().unwrap();
}

#[test]
fn an_earlier_quickstart_stays_until_the_new_one_is_complete() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    finished(&out, "old");
    let place = Place::check(&out).unwrap();
    assert!(!place.begin(&marker(1)).unwrap());
    assert_eq!(
        fs_err::read_to_string(out.join("report.json")).unwrap(),
        "old"
    );
    drop(place);
    finished(&out, "new");
    assert_eq!(
        fs_err::read_to_string(out.join("report.json")).unwrap(),
        "new"
    );
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_others_put_into_the_folder_is_never_removed() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    finished(&out, "old");
    for (name, shown) in [
        ("my-best.safetensors", "`my-best.safetensors`"),
        ("my-drawings/a.png", "`my-drawings/a.png`"),
        ("pictures/mine.png", "`pictures/mine.png`"),
    ] {
        let path = out.join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, "mine").unwrap();
        let error = Place::check(&out).unwrap_err();
        assert_eq!(code_of(&error), ErrorCode::InvalidInput);
        assert!(error.to_string().contains(shown), "{error}");
        assert!(error.to_string().contains("`--out`"), "{error}");
        fs_err::remove_file(&path).unwrap();
        if path.parent() != Some(out.as_path()) {
            fs_err::remove_dir(path.parent().unwrap()).unwrap();
        }
    }
    finished(&out, "new");
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_others_put_there_while_a_new_one_works_stays() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    finished(&out, "old");
    let place = Place::check(&out).unwrap();
    place.begin(&marker(2)).unwrap();
    for file in ["report.json", "sheet.png"] {
        fs_err::write(place.partial.join(file), "new").unwrap();
    }
    fs_err::create_dir(out.join("pictures")).unwrap();
    for file in ["pictures/mine.png", "sheet.png"] {
        fs_err::write(out.join(file), "mine").unwrap();
    }
    place.publish().unwrap();
    let read = |path: &str| fs_err::read_to_string(folder.path().join(path)).unwrap();
    assert_eq!(read("out/pictures/mine.png"), "mine");
    assert_eq!(read("out/report.json"), "new");
    assert_eq!(read("out/sheet.png"), "new");
    assert_eq!(read("out.previous/sheet.png"), "mine");
    assert!(!folder.path().join("out.previous/report.json").exists());
    let error = Place::check(&out).unwrap_err();
    assert!(error.to_string().contains("`pictures/mine.png`"), "{error}");
}

#[test]
fn one_that_ended_while_it_was_put_in_its_place_goes_on() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let place = Place::check(&out).unwrap();
    place.begin(&marker(1)).unwrap();
    let listed = Marker {
        made: Some(Paths::from([MARKER_FILE.to_owned()])),
        ..marker(1)
    };
    listed.write(&place.partial).unwrap();
    let place = Place::check(&out).unwrap();
    assert!(place.begin(&marker(1)).unwrap());
    fs_err::create_dir(place.partial.join("pictures")).unwrap();
    fs_err::write(place.partial.join("pictures/a.png"), "a").unwrap();
    let again = Place::check(&out).unwrap();
    assert!(again.begin(&marker(1)).unwrap());
    again.publish().unwrap();
    assert!(Place::check(&out).is_ok());
}

#[test]
fn of_a_quickstart_that_lists_nothing_the_names_decide() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    fs_err::create_dir_all(out.join("run")).unwrap();
    marker(1).write(&out).unwrap();
    fs_err::write(out.join("run/run.json"), "{}").unwrap();
    assert!(Place::check(&out).is_ok());
    fs_err::write(out.join("mine.png"), "mine").unwrap();
    let error = Place::check(&out).unwrap_err();
    assert!(error.to_string().contains("`mine.png`"), "{error}");
}

#[test]
fn an_interrupted_one_goes_on_only_with_the_same_settings() {
    let folder = TempDir::new().unwrap();
    let place = Place::check(&folder.path().join("out")).unwrap();
    assert!(!place.begin(&marker(1)).unwrap());
    assert!(place.begin(&marker(1)).unwrap());
    assert!(!place.begin(&marker(2)).unwrap());
}

#[test]
fn an_interrupted_replacement_is_put_back() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    finished(&out, "old");
    fs_err::rename(&out, folder.path().join("out.previous")).unwrap();
    Place::check(&out).unwrap();
    assert_eq!(
        fs_err::read_to_string(out.join("report.json")).unwrap(),
        "old"
    );
}

#[test]
fn what_an_end_in_between_leaves_is_no_strangers() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let partial = folder.path().join("out.partial");
    fs_err::create_dir(&partial).unwrap();
    fs_err::write(partial.join(".atelier-1.partial"), "{").unwrap();
    let place = Place::check(&out).unwrap();
    assert!(!place.begin(&marker(1)).unwrap());
    assert!(Marker::read(&partial).is_some());
    finished(&out, "done");
    // What a removal has left before its end.
    let place = Place::check(&out).unwrap();
    place.begin(&marker(1)).unwrap();
    let of_nothing = Marker {
        base_hash: String::new(),
        ..marker(1)
    };
    of_nothing.write(&partial).unwrap();
    assert!(!Place::check(&out).unwrap().begin(&marker(1)).unwrap());
    finished(&out, "again");
    assert_eq!(
        fs_err::read_to_string(out.join("report.json")).unwrap(),
        "again"
    );
}

#[test]
fn folders_of_others_are_refused_and_empty_ones_taken() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    fs_err::create_dir(&out).unwrap();
    finished(&out, "new");
    for name in ["other", "x.partial"] {
        fs_err::create_dir(folder.path().join(name)).unwrap();
        fs_err::write(folder.path().join(name).join("mine.txt"), "mine").unwrap();
    }
    for (name, own) in [("film", "film.partial"), ("draft", "quickstart.json")] {
        fs_err::create_dir(folder.path().join(name)).unwrap();
        fs_err::write(folder.path().join(name).join(own), "mine").unwrap();
    }
    for bad in ["other", "x", "other/mine.txt", "film", "draft"] {
        let error = Place::check(&folder.path().join(bad)).unwrap_err();
        assert_eq!(code_of(&error), ErrorCode::InvalidInput, "{bad}");
    }
    assert!(Place::check(Path::new("..")).is_err());
}
