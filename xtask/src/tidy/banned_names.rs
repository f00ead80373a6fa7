//! A module is named after what it holds, not after being useful.

use super::Finding;
use super::settings::Settings;
use super::tree::Tree;

pub(super) fn check(tree: &Tree, settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.code() {
        let stem = |part: &str| part.split('.').next().unwrap_or(part).to_owned();
        if let Some(name) = file
            .path
            .split('/')
            .map(stem)
            .find(|name| settings.banned_names.contains(name))
        {
            findings.push(Finding::failure(
                &file.path,
                format!("`{name}` says nothing: name the idea that lives here"),
            ));
        }
        if file.extension() == "rs" {
            findings.extend(inline_modules(&file.path, &file.text, settings));
        }
    }
    findings
}

fn inline_modules(path: &str, text: &str, settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let words: Vec<_> = line.split_whitespace().collect();
        let name = match words[..] {
            ["mod", name, "{"] => name,
            [visibility, "mod", name, "{"] if visibility.starts_with("pub") => name,
            _ => continue,
        };
        if settings.banned_names.iter().any(|banned| banned == name) {
            let message = format!("module `{name}` says nothing: name the idea that lives here");
            findings.push(Finding::failure(format!("{path}:{}", index + 1), message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(files: &[(&str, &str)]) -> Vec<String> {
        let settings = Settings {
            banned_names: vec!["utils".to_owned(), "base".to_owned()],
            ..Settings::default()
        };
        check(&Tree::of_texts(files), &settings)
            .into_iter()
            .map(|finding| finding.place)
            .collect()
    }

    #[test]
    fn files_and_folders_are_checked() {
        let files = [
            ("a/utils.rs", ""),
            ("a/base/mod.rs", ""),
            ("a/base_folder.rs", ""),
            ("docs/base.md", ""),
        ];
        assert_eq!(findings(&files), ["a/utils.rs", "a/base/mod.rs"]);
    }

    #[test]
    fn modules_inside_files_are_checked() {
        assert_eq!(
            findings(&[(
                "a.rs",
                "fn a() {}\npub(crate) mod utils {\n}\nmod baseline {\n}"
            )]),
            ["a.rs:2"]
        );
    }
}
