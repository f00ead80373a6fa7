//! Arrows between crates point down only; the table stands in `tidy.toml`.

use super::Finding;
use super::settings::Settings;
use crate::workspace::{Metadata, Package};

/// May be used by the tests of every crate.
const TESTKIT: &str = "atelier-testkit";

pub(super) fn check(metadata: &Metadata, settings: &Settings) -> Vec<Finding> {
    metadata
        .packages
        .iter()
        .flat_map(|package| check_package(package, settings))
        .collect()
}

fn check_package(package: &Package, settings: &Settings) -> Vec<Finding> {
    let Some(allowed) = settings.arrows.get(&package.name) else {
        return vec![Finding::failure(
            "xtask/tidy.toml",
            format!("crate `{}` has no row in [arrows]", package.name),
        )];
    };
    let mut findings = Vec::new();
    for dependency in package
        .dependencies
        .iter()
        .filter(|dependency| dependency.path.is_some())
    {
        let for_tests = dependency.kind.as_deref() == Some("dev");
        if allowed.contains(&dependency.name) || (for_tests && dependency.name == TESTKIT) {
            continue;
        }
        let allowed = if allowed.is_empty() {
            "none".to_owned()
        } else {
            allowed.join(", ")
        };
        let message = format!("must not use `{}`; allowed: {allowed}", dependency.name);
        findings.push(Finding::failure(&package.name, message));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(metadata: &str) -> Vec<String> {
        let mut settings = Settings::default();
        settings.arrows.insert("atelier-core".to_owned(), vec![]);
        settings
            .arrows
            .insert("atelier-nn".to_owned(), vec!["atelier-core".to_owned()]);
        let metadata: Metadata = serde_json::from_str(metadata).unwrap();
        check(&metadata, &settings)
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }

    #[test]
    fn an_arrow_upwards_is_found_and_others_pass() {
        let metadata = r#"{"target_directory": "t", "packages": [
            {"name": "atelier-core", "dependencies": [
                {"name": "serde", "kind": null, "path": null},
                {"name": "atelier-nn", "kind": null, "path": "x"}]},
            {"name": "atelier-nn", "dependencies": [
                {"name": "atelier-core", "kind": null, "path": "x"},
                {"name": "atelier-testkit", "kind": "dev", "path": "x"}]}]}"#;
        assert_eq!(
            findings(metadata),
            ["must not use `atelier-nn`; allowed: none"]
        );
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        let metadata =
            r#"{"target_directory": "t", "packages": [{"name": "new", "dependencies": []}]}"#;
        assert_eq!(findings(metadata), ["crate `new` has no row in [arrows]"]);
    }

    #[test]
    fn the_testkit_is_for_tests_only() {
        let metadata = r#"{"target_directory": "t", "packages": [
            {"name": "atelier-nn", "dependencies": [{"name": "atelier-testkit", "kind": null, "path": "x"}]}]}"#;
        assert_eq!(findings(metadata).len(), 1);
    }
}
