//! Usage errors and the form of failures.

use crate::workbench::{Workbench, tiny_base};

#[test]
fn wrong_flags_end_with_status_two() {
    let bench = Workbench::new();
    bench
        .run(&["train", "--no-such-flag"])
        .refused(&["--no-such-flag"]);
    bench.run(&["frobnicate"]).refused(&["frobnicate"]);
    bench.run(&[]).refused(&["Usage"]);
    assert_eq!(bench.run(&["--version"]).status, 0);
}

#[test]
fn failures_with_json_are_one_document_on_stdout() {
    let bench = Workbench::new();
    let ended = bench.run(&["base", "show", "nowhere", "--json"]);
    assert_eq!(ended.status, 2);
    insta::assert_snapshot!(ended.stdout, @r#"
    {
      "error": {
        "code": "not_found",
        "message": "no base `nowhere`: neither a name in `base list`, nor a folder or file, nor `hf:owner/repo`",
        "hint": "check the name; the matching `list` command shows what exists"
      }
    }
    "#);
    let ended = bench.run(&["generate", "--json", "--sampler", "dpm9"]);
    assert_eq!(ended.status, 2);
    let document: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(document["error"]["code"], "invalid_input");
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_number_with_a_sign_is_refused_by_what_the_flag_takes() {
    let bench = Workbench::new();
    bench.dataset("pictures", 1);
    for (line, reason) in [
        (
            "generate --prompt x --adapter none --steps -1",
            "'-1' for '--steps <STEPS>': expected a whole number from 0 on",
        ),
        (
            "generate --prompt x --width 64 --guidance-rescale -0.5",
            "`guidance_rescale` is -0.5",
        ),
        (
            "train --dataset pictures --trigger T --learning-rate -0.5",
            "`learning_rate` must be positive",
        ),
        (
            "grid --model m --strengths -0.5,1 --epochs -1",
            "'-1' for '--epochs",
        ),
    ] {
        let words: Vec<_> = line.split_whitespace().collect();
        let base = tiny_base();
        let ended = bench.run(&[&words[..], &["--base", &base]].concat());
        ended.refused(&[reason]);
    }
}
