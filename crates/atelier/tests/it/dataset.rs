//! `atelier dataset`, `atelier db`, and trainings on datasets of the library.

use serde_json::{Value, json};

use crate::workbench::{Workbench, files_below, tiny_base};

/// A library with the dataset `Slopes` of three pictures.
fn studio() -> Workbench {
    let bench = Workbench::new();
    bench.dataset("pictures", 3);
    let create = ["dataset", "create", "Slopes", "--from", "pictures"];
    let purpose = ["--category", "style", "--trigger", "SlopeV1"];
    let ended = bench.succeed(&[&create[..], &purpose].concat());
    assert_eq!(
        ended.stdout,
        "dataset `Slopes`, version 2: 3 pictures, 3 of them new\n"
    );
    bench
}

fn captions(bench: &Workbench) -> Vec<String> {
    let shown = bench.document(&["dataset", "show", "slopes"]);
    let pictures = shown["version"]["images"].as_array().unwrap().iter();
    let caption = |picture: &Value| picture["caption"].as_str().unwrap().to_owned();
    pictures.map(caption).collect()
}

#[test]
fn a_dataset_is_made_shown_changed_compared_and_written_out() {
    let bench = studio();
    let before = files_below(&bench.path("pictures"));
    assert!(
        bench
            .succeed(&["dataset", "list"])
            .stdout
            .starts_with("Slopes  3 pictures, style")
    );
    bench.succeed(&["dataset", "caption", "Slopes", "--append", "at night"]);
    bench.succeed(&["dataset", "caption", "Slopes", "1", "--set", "a red slope"]);
    let expected = [
        "a slope of colour number 0, at night",
        "a red slope",
        "a slope of colour number 2, at night",
    ];
    assert_eq!(captions(&bench), expected);
    let square = ["--left", "4", "--top", "0", "--side", "60"];
    bench.succeed(&[&["dataset", "crop", "Slopes", "2.png"][..], &square].concat());
    bench.succeed(&["dataset", "remove", "Slopes", "0.png"]);
    let difference = bench.document(&["dataset", "diff", "Slopes", "--from", "2"]);
    assert_eq!(difference["removed"].as_array().unwrap().len(), 1);
    assert_eq!(difference["changed"].as_array().unwrap().len(), 2);
    let said = bench
        .succeed(&["dataset", "diff", "Slopes", "--from", "2"])
        .stdout;
    assert_eq!(
        said,
        "- 0.png  a slope of colour number 0\n\
         ~ 1.png  `a slope of colour number 1` → `a red slope`\n\
         ~ 2.png  `a slope of colour number 2` → `a slope of colour number 2, at night`\n\
         ~ 2.png  the middle → 60×60 at 4, 0\n"
    );
    bench.succeed(&["dataset", "export", "Slopes", "out"]);
    let files = files_below(&bench.path("out"));
    assert_eq!(files, ["1.png", "1.txt", "2.png", "2.txt", "crops.json"]);
    bench.succeed(&["dataset", "export", "Slopes", "old", "--version", "2"]);
    assert_eq!(files_below(&bench.path("old")), before);
    for name in before {
        let read = |folder: &str| std::fs::read(bench.path(folder).join(&name)).unwrap();
        let (given, written) = (read("pictures"), read("old"));
        assert_eq!(given.trim_ascii_end(), written.trim_ascii_end(), "{name}");
    }
    bench
        .run(&["dataset", "export", "Slopes", "out"])
        .refused(&["exists already"]);
    bench.succeed(&[
        "dataset",
        "update",
        "Slopes",
        "--name",
        "Hills",
        "--trigger",
        "",
    ]);
    let hills = bench.document(&["dataset", "show", "hills"]);
    assert_eq!(hills["dataset"]["trigger_word"], "");
    assert_eq!(hills["dataset"]["category"], "style");
}

#[test]
fn a_training_takes_a_version_of_a_dataset_with_its_trigger_word() {
    let bench = studio();
    let version = |number: &str| {
        let shown = bench.document(&["dataset", "show", "Slopes", "--version", number]);
        shown["version"]["hash"].as_str().unwrap().to_owned()
    };
    bench.succeed(&["dataset", "remove", "Slopes", "0"]);
    let base = tiny_base();
    let train = |dataset: &str, out: &str, more: &[&str]| {
        let words = ["train", "--dataset", dataset, "--base", &base, "--out", out];
        bench.run(
            &[
                &words[..],
                &["--epochs", "1", "--rank", "2", "--json"],
                more,
            ]
            .concat(),
        )
    };
    for (dataset, out, number, pictures) in [("slopes", "new", "3", 2), ("Slopes@2", "old", "2", 3)]
    {
        let ended = train(dataset, out, &[]);
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        let said = format!("training on version {number} of dataset `Slopes`");
        assert!(ended.stderr.contains(&said), "{}", ended.stderr);
        let record = std::fs::read(bench.path(out).join("run.json")).unwrap();
        let record: Value = serde_json::from_slice(&record).unwrap();
        assert_eq!(record["dataset_version"], version(number));
        assert_eq!(record["pictures"], pictures);
        assert_eq!(record["config"]["trigger"], "SlopeV1");
        assert_eq!(record["config"]["category"], "style");
    }
    // The run goes on with its own pictures, whatever became of the dataset.
    bench.succeed(&["dataset", "caption", "Slopes", "--append", "later"]);
    let again = train("Slopes", "new", &["--resume"]);
    assert_eq!(again.status, 0, "{}", again.stderr);
    bench.dataset("others", 1);
    bench.succeed(&["dataset", "create", "Other", "--from", "others"]);
    for other in ["Other", "Slopes@2"] {
        let ended = train(other, "new", &["--resume"]);
        ended.refused_in_json("began with other pictures");
        assert!(ended.stdout.contains("cannot_resume"), "{}", ended.stdout);
    }
    // A folder of the same name makes the word mean two things.
    bench.dataset("Other", 1);
    train("Other", "x", &["--trigger", "T"]).refused_in_json("write `Other@latest` for the one");
    for (word, pictures) in [("Other@latest", 1), ("./Other", 1)] {
        let out = format!("of-{pictures}-{}", word.len());
        let ended = train(word, &out, &["--trigger", "OtherV1"]);
        assert_eq!(ended.status, 0, "{word}: {}", ended.stderr);
    }
    train("Sloops", "x", &["--trigger", "T"]).refused_in_json("neither a folder of pictures nor");
    train("Slopes@9", "x", &[]).refused_in_json("has no version 9");
    bench.succeed(&["dataset", "delete", "Slopes"]);
    let again = train("Slopes", "new", &["--resume"]);
    assert_eq!(again.status, 0, "{}", again.stderr);
}

#[test]
fn a_training_takes_the_square_that_a_crop_names() {
    let bench = studio();
    bench.succeed(&["dataset", "remove", "Slopes", "1", "2"]);
    let base = tiny_base();
    let train = |out: &str| {
        let words = [
            "train",
            "--dataset",
            "Slopes",
            "--base",
            &base,
            "--out",
            out,
        ];
        bench.document(&[&words[..], &["--epochs", "1", "--rank", "2"]].concat())
    };
    let middle = train("middle");
    let square = ["--left", "40", "--top", "40", "--side", "24"];
    bench.succeed(&[&["dataset", "crop", "Slopes", "0"][..], &square].concat());
    let corner = train("corner");
    assert_ne!(middle["last_loss"], corner["last_loss"]);
    bench.succeed(&["dataset", "crop", "Slopes", "0", "--middle"]);
    assert_eq!(train("again")["last_loss"], middle["last_loss"]);
}

#[test]
fn what_captions_a_folder_lacks_is_said_when_it_comes_in() {
    let bench = Workbench::new();
    bench.dataset("10_blob-faces", 2);
    std::fs::rename(
        bench.path("10_blob-faces/1.txt"),
        bench.path("10_blob-faces/1.png.txt"),
    )
    .unwrap();
    let create = ["dataset", "create", "Faces", "--from", "10_blob-faces"];
    let ended = bench.succeed(&[&create[..], &["--json"]].concat());
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    let notes = document["notes"].as_array().unwrap();
    assert_eq!(notes.len(), 3, "{notes:?}");
    for (note, part) in notes.iter().zip([
        "1 of 2 pictures has no caption of its own and gets `blob faces`, the folder's name",
        "are not read: `1.png.txt`; the caption of `0.png` stands in `0.txt`",
        "is not taken for repeats: `atelier train --repeats 10`",
    ]) {
        let note = note.as_str().unwrap();
        assert!(note.contains(part), "no `{part}` in {note}");
        assert!(ended.stderr.contains(note), "{}", ended.stderr);
    }
    let import = ["dataset", "import", "Faces", "10_blob-faces"];
    let again = bench.succeed(&import);
    assert!(again.stderr.contains("`1.png.txt`"), "{}", again.stderr);
}

#[test]
fn what_cannot_be_done_is_refused_and_changes_nothing() {
    let bench = studio();
    std::fs::write(bench.path("pictures/bad.png"), "no picture").unwrap();
    let create = ["dataset", "create", "Second", "--from", "pictures"];
    bench.run(&create).refused(&["bad.png"]);
    let ended = bench.succeed(&[&create[..], &["--skip-bad"]].concat());
    assert!(
        ended.stderr.contains("left out `bad.png`"),
        "{}",
        ended.stderr
    );
    let import = ["dataset", "import", "Second", "pictures", "--skip-bad"];
    let again = bench.succeed(&import);
    assert!(
        again.stdout.ends_with("3 pictures, 0 of them new\n"),
        "{}",
        again.stdout
    );
    let show = ["dataset", "show", "Slopes"];
    let before = bench.document(&show);
    for (words, reason) in [
        (
            &["create", "slopes"][..],
            "there is a dataset `slopes` already",
        ),
        (&["create", " "], "it is empty"),
        (&["show", "Slops"], "there is no dataset `Slops`"),
        (&["show", "Slopes", "--version", "7"], "has no version 7"),
        (
            &["caption", "Slopes", "7.png", "--set", "x"],
            "no picture `7.png`",
        ),
        (
            &[
                "crop", "Slopes", "0", "--left", "1", "--top", "0", "--side", "64",
            ],
            "64×64",
        ),
        (&["crop", "Slopes", "0", "--left", "1"], "--top"),
        (&["import", "Slopes", "absent"], "absent"),
        (
            &["restore", "Slopes"],
            "no dataset `Slopes` is in the trash",
        ),
    ] {
        bench
            .run(&[&["dataset"], words].concat())
            .refused(&[reason]);
    }
    assert_eq!(bench.document(&show), before);
    let homeless = bench.homeless(&["dataset", "list"]).output().unwrap();
    bench.ended(&homeless).refused(&["set `ATELIER_HOME`"]);
}

#[test]
fn a_deleted_dataset_comes_back_until_the_trash_is_emptied() {
    let bench = studio();
    let deleted = bench.document(&["dataset", "delete", "Slopes"]);
    assert!(
        bench
            .succeed(&["dataset", "list"])
            .stdout
            .starts_with("no datasets")
    );
    bench.succeed(&["dataset", "restore", "Slopes"]);
    bench.succeed(&["dataset", "delete", "Slopes"]);
    bench.succeed(&[
        "dataset",
        "restore",
        deleted["dataset"]["id"].as_str().unwrap(),
    ]);
    bench.succeed(&["dataset", "delete", "Slopes"]);
    let emptied = bench.document(&["db", "empty-trash"]);
    assert_eq!(emptied["datasets"], 0);
    let emptied = bench.document(&["db", "empty-trash", "--all"]);
    assert_eq!(
        (&emptied["datasets"], &emptied["files"]),
        (&json!(1), &json!(3))
    );
    assert_eq!(bench.run(&["dataset", "restore", "Slopes"]).status, 2);
}

#[test]
fn the_library_is_checked_and_backed_up() {
    let bench = studio();
    let sound = bench.succeed(&["db", "check"]);
    assert!(sound.stdout.ends_with("all is well\n"), "{}", sound.stdout);
    bench.succeed(&["db", "backup", "copy"]);
    let blob = files_below(&bench.path("home/blobs"));
    let blob = blob.iter().find(|name| name.len() > 60).unwrap();
    std::fs::remove_file(bench.path("home/blobs").join(blob)).unwrap();
    let ended = bench.run(&["db", "check"]);
    assert_eq!(ended.status, 1);
    assert!(ended.stdout.contains("is gone"), "{}", ended.stdout);
    let copy = bench
        .command(&["db", "check"])
        .env("ATELIER_HOME", bench.path("copy"))
        .output();
    let copy = bench.ended(&copy.unwrap());
    assert_eq!(copy.status, 0, "{}", copy.stdout);
    assert!(
        copy.stdout.contains("1 datasets in 2 versions, 3 files"),
        "{}",
        copy.stdout
    );
}

#[test]
#[cfg(unix)]
fn a_full_disk_fails_an_import_and_loses_nothing() {
    let bench = Workbench::new();
    bench.dataset("pictures", 1);
    bench.succeed(&["dataset", "list"]);
    let noise = image::RgbImage::from_fn(512, 512, |x, y| {
        let mixed = (x * 0x9E37 + y * 0x85EB).wrapping_mul(0xC2B2_AE35);
        image::Rgb([mixed as u8, (mixed >> 8) as u8, (mixed >> 16) as u8])
    });
    noise.save(bench.path("pictures/big.png")).unwrap();
    let create = "dataset create Slopes --from pictures";
    // Blocks of half a kilobyte: enough for the catalogue, too few for the picture.
    let ended = bench.shell(&format!(
        "trap '' XFSZ; ulimit -f 512; exec \"$ATELIER\" {create}"
    ));
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    let said = &ended.stderr;
    assert!(
        said.contains("cannot write") && said.contains("home/blobs"),
        "{said}"
    );
    assert!(said.contains("hint: check free space"), "{said}");
    let left = files_below(&bench.path("home/blobs"));
    assert!(
        left.iter().all(|name| !name.contains("partial")),
        "{left:?}"
    );
    assert!(
        bench
            .succeed(&["dataset", "list"])
            .stdout
            .starts_with("no datasets")
    );
    bench.succeed(&["db", "check"]);
    let words: Vec<_> = create.split(' ').collect();
    bench.succeed(&words);
}

#[test]
fn an_import_that_is_killed_at_any_moment_adds_everything_or_nothing() {
    let bench = Workbench::new();
    bench.dataset("pictures", 120);
    bench.succeed(&["dataset", "create", "Slopes"]);
    let import = ["dataset", "import", "Slopes", "pictures"];
    for wait_ms in [5, 15, 40, 80, 160, 320] {
        let mut child = std::process::Command::new(crate::workbench::program())
            .args(import)
            .current_dir(bench.path(""))
            .env("ATELIER_HOME", bench.path("home"))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait_ms));
        child.kill().unwrap();
        child.wait().unwrap();
        let sound = bench.document(&["db", "check"]);
        assert_eq!(sound["sound"], true, "{sound}");
        let shown = bench.document(&["dataset", "show", "Slopes"]);
        let images = shown["dataset"]["image_count"].as_u64().unwrap();
        assert!(images == 0 || images == 120, "{images}");
    }
    bench.succeed(&import);
    bench.succeed(&["db", "empty-trash"]);
    let checked = bench.document(&["db", "check"]);
    // Their blues come again after sixteen.
    assert_eq!(checked["found"]["files"], 16);
    assert_eq!(checked["found"]["unnamed"], json!([]));
}

#[test]
fn a_trigger_word_is_judged_when_it_is_given() {
    let bench = Workbench::new();
    let ended = bench.succeed(&["dataset", "create", "Cats", "--trigger", "cat"]);
    let note = "note: trigger word `cat`: the base knows this word";
    assert!(ended.stderr.contains(note), "{}", ended.stderr);
    let document = bench.document(&["dataset", "update", "Cats", "--trigger", "MyCatV1"]);
    assert_eq!(document["trigger_word"]["word"], "MyCatV1");
    let refused = bench.run(&["dataset", "create", "Numbers", "--trigger", "2024"]);
    refused.refused(&["trigger word `2024` cannot be used: it has no letters"]);
    assert_eq!(
        bench.document(&["dataset", "list"])["datasets"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    let judged = |words: &[&str]| {
        let document = bench.document(&[&["dataset", "judge-trigger"], words].concat());
        let first = document["trigger_word"]["findings"][0]["code"].clone();
        (first, document["will_do"].clone())
    };
    let good = |code: &str| (code.into(), true.into());
    let bad = |code: &str| (code.into(), false.into());
    assert_eq!(
        judged(&["AEXStyle", "--category", "style"]),
        good("no-single-token")
    );
    assert_eq!(judged(&["mycatv1"]), bad("used"));
    assert_eq!(
        judged(&["mycatv1", "--dataset", "Cats"]),
        good("no-single-token")
    );
    assert_eq!(judged(&["!?"]), bad("no-letters"));
    let told = bench.succeed(&["dataset", "judge-trigger", "cat7"]).stdout;
    insta::assert_snapshot!(told, @"warning  the base knows `cat` in it and would draw that too; join it with other letters, without spaces, digits or marks between");
}
