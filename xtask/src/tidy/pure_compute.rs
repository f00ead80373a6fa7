//! Compute crates read no environment and no clock: paths, seeds and time are passed in. Their tests may.

use super::Finding;
use super::rust_text::RustText;
use super::settings::Settings;
use super::tree::Tree;

const FORBIDDEN: &[&str] = &[
    "std::env",
    "env::var",
    "SystemTime",
    "Instant::now",
    "std::net",
];

pub(super) fn check(tree: &Tree, settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in &settings.pure_crates {
        let sources = format!("crates/{name}/src/");
        let files = tree
            .code()
            .filter(|file| file.path.starts_with(&sources) && !file.is_test());
        for file in files {
            for (index, line) in RustText::of(file.product_text()).code.lines().enumerate() {
                let Some(word) = FORBIDDEN.iter().find(|word| line.contains(**word)) else {
                    continue;
                };
                let message = format!("`{word}` in a compute crate: let the caller pass it in");
                findings.push(Finding::failure(
                    format!("{}:{}", file.path, index + 1),
                    message,
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_and_environment_are_found_in_the_product_only() {
        let settings = Settings {
            pure_crates: vec!["nn".to_owned()],
            ..Settings::default()
        };
        let tree = Tree::of_texts(&[
            (
                "crates/nn/src/a.rs",
                "// Instant::now\nlet a = Instant::now();\n#[cfg(test)]\nmod tests {\nstd::env::temp_dir();\n}\n",
            ),
            ("crates/nn/tests/it/main.rs", "std::env::args();\n"),
            ("crates/app/src/main.rs", "std::env::args();\n"),
        ]);
        let places: Vec<_> = check(&tree, &settings)
            .into_iter()
            .map(|finding| finding.place)
            .collect();
        assert_eq!(places, ["crates/nn/src/a.rs:2"]);
    }
}
