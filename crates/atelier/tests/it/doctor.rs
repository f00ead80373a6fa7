//! `atelier doctor`.

use crate::workbench::Workbench;

#[test]
fn doctor_names_threads_memory_and_the_program_s_own_place() {
    let bench = Workbench::new();
    let report = bench.document(&["doctor"]);
    assert!(report["threads"].as_u64().unwrap() >= 1);
    assert!(report["bf16_kernels"].is_boolean());
    assert!(report["home"].as_str().unwrap().ends_with("home"));
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    let text = bench.succeed(&["doctor"]).stdout;
    for label in ["processor", "cores", "instructions", "memory", "home"] {
        assert!(text.lines().any(|line| line.starts_with(label)), "{text}");
    }
    assert!(!bench.path("home").exists());
}
