//! Usage errors and the form of failures.

use crate::workbench::Workbench;

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
