//! A crate is entered in an afternoon: the Rust lines under its `src`, without tests.

use super::Finding;
use super::settings::Settings;
use super::tree::Tree;

pub(super) fn check(tree: &Tree, settings: &Settings) -> Vec<Finding> {
    let limit = settings.limits.crate_lines;
    let mut findings = Vec::new();
    for manifest in tree.files() {
        let Some(folder) = manifest.path.strip_suffix("/Cargo.toml") else {
            continue;
        };
        let sources = format!("{folder}/src/");
        let rust = tree
            .code()
            .filter(|file| file.path.starts_with(&sources) && file.extension() == "rs");
        let lines: usize = rust
            .filter(|file| !file.is_test())
            .map(super::tree::File::product_lines)
            .sum();
        if lines > limit && !settings.excepts(folder) {
            findings.push(Finding::failure(
                folder,
                format!("{lines} lines, the limit of a crate is {limit}"),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::settings::Limits;
    use super::*;

    #[test]
    fn lines_of_a_crate_are_summed_without_tests() {
        let limits = Limits {
            crate_lines: 3,
            ..Limits::default()
        };
        let settings = Settings {
            limits,
            ..Settings::default()
        };
        let tree = Tree::of_texts(&[
            ("a/Cargo.toml", ""),
            ("a/src/x.rs", "1\n2\n"),
            ("a/src/y/z.rs", "1\n2\n"),
            ("b/Cargo.toml", ""),
            ("b/src/x.rs", "1\n2\n3\n"),
            ("b/src/tests.rs", "1\n2\n"),
        ]);
        let places: Vec<_> = check(&tree, &settings)
            .into_iter()
            .map(|finding| finding.place)
            .collect();
        assert_eq!(places, ["a"]);
    }
}
