//! Unsafe code lives in the rooms that `tidy.toml` names.

use super::Finding;
use super::rust_text::RustText;
use super::settings::Settings;
use super::tree::Tree;

pub(super) fn check(tree: &Tree, settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.code().filter(|file| file.extension() == "rs") {
        let allowed = settings
            .unsafe_folders
            .iter()
            .any(|folder| file.path.starts_with(&format!("{folder}/")));
        if allowed {
            continue;
        }
        for (index, line) in RustText::of(&file.text).code.lines().enumerate() {
            let mut words = line.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            if words.any(|word| word == "unsafe") {
                let message = format!("unsafe code outside {}", settings.unsafe_folders.join(", "));
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
    fn only_the_named_folders_may_hold_it() {
        let settings = Settings {
            unsafe_folders: vec!["nn/kernels".to_owned()],
            ..Settings::default()
        };
        let code =
            "// unsafe is a word\n#![deny(unsafe_code)]\nlet a = \"unsafe\";\nunsafe { go() }\n";
        let tree = Tree::of_texts(&[("nn/kernels/a.rs", code), ("nn/kernels_b.rs", code)]);
        let places: Vec<_> = check(&tree, &settings)
            .into_iter()
            .map(|finding| finding.place)
            .collect();
        assert_eq!(places, ["nn/kernels_b.rs:4"]);
    }
}
