//! `atelier doctor`.

use crate::workbench::Workbench;

#[test]
fn doctor_names_threads_memory_and_the_program_s_own_place() {
    let bench = Workbench::new();
    let report = bench.document(&["doctor"]);
    assert!(report["threads"].as_u64().unwrap() >= 1);
    assert_eq!(bench.document(&["doctor", "--threads", "3"])["threads"], 3);
    bench
        .run(&["--threads", "0", "doctor"])
        .refused(&["--threads"]);
    assert!(!report["kernels"].as_str().unwrap().is_empty());
    assert!(report["home"].as_str().unwrap().ends_with("home"));
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    let text = bench.succeed(&["doctor"]).stdout;
    for label in ["processor", "cores", "instructions", "memory", "home"] {
        assert!(text.lines().any(|line| line.starts_with(label)), "{text}");
    }
    assert!(!bench.path("home").exists());
    assert_eq!(report["packed_weights"]["files"], 0);
    let row = "packed weights 0 files, 0.0 of at most 20 GB";
    assert!(text.lines().any(|line| line == row), "{text}");
}

#[test]
fn the_size_of_packed_weights_is_a_setting() {
    let bench = Workbench::new();
    let doctor = |words: &[&str], gigabytes: &str| {
        let mut command = bench.command(words);
        command.env("ATELIER_PACKED_GB", gigabytes);
        bench.ended(&command.output().unwrap())
    };
    let report: serde_json::Value =
        serde_json::from_str(&doctor(&["doctor", "--json"], "2.5").stdout).unwrap();
    assert_eq!(report["packed_weights"]["most_bytes"], 2_500_000_000_u64);
    doctor(&["doctor"], "much")
        .refused(&["`ATELIER_PACKED_GB` is `much`", "a number of gigabytes"]);
}

#[test]
fn the_instructions_of_kernels_are_a_setting() {
    let bench = Workbench::new();
    let doctor = |words: &[&str], instructions: &str| {
        let mut command = bench.command(words);
        command.env("ATELIER_INSTRUCTIONS", instructions);
        bench.ended(&command.output().unwrap())
    };
    let report: serde_json::Value =
        serde_json::from_str(&doctor(&["doctor", "--json"], "plain").stdout).unwrap();
    assert_eq!(report["kernels"], "portable");
    doctor(&["doctor"], "mmx").refused(&["`ATELIER_INSTRUCTIONS` is `mmx`", "plain"]);
}

#[test]
fn doctor_works_without_a_home() {
    let bench = Workbench::new();
    let words = ["doctor", "--json"];
    let ended = bench.ended(&bench.homeless(&words).output().unwrap());
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(report["home"].is_null());
    let ended = bench.ended(&bench.homeless(&["doctor"]).output().unwrap());
    assert!(
        ended.stdout.contains("home           none"),
        "{}",
        ended.stdout
    );
}
