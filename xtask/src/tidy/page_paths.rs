//! Pages name what exists: links between pages lead somewhere, and paths in backticks that start at a room of the
//! workspace are real. Patterns such as `golden/<name>.py` are left alone.

use super::Finding;
use super::settings::Settings;
use super::tree::Tree;

const ROOMS: &[&str] = &["crates/", "xtask/", "docs/", ".ci/"];

pub(super) fn check(tree: &Tree, _settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in tree.files().iter().filter(|file| file.extension() == "md") {
        let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (index, line) in page.text.lines().enumerate() {
            let linked = links(line).map(|link| join(folder, link));
            let named = quoted(line).map(str::to_owned);
            for path in linked.chain(named).filter(|path| !exists(tree, path)) {
                let place = format!("{}:{}", page.path, index + 1);
                findings.push(Finding::failure(place, format!("`{path}` does not exist")));
            }
        }
    }
    findings
}

/// Targets of links inside the checkout, without their anchors.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let paths = targets.map(|target| target.split('#').next().unwrap_or(target));
    paths.filter(|path| !path.is_empty() && !path.contains("://") && !path.starts_with("mailto:"))
}

/// Paths in backticks that start at a room.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split('`').skip(1).step_by(2);
    let is_plain = |word: &str| {
        word.chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "/._-".contains(letter))
    };
    words.filter(move |word| is_plain(word) && ROOMS.iter().any(|room| word.starts_with(room)))
}

fn join(folder: &str, link: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

fn exists(tree: &Tree, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let inside = format!("{path}/");
    tree.files()
        .iter()
        .any(|file| file.path == path || file.path.starts_with(&inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(page: &str) -> Vec<String> {
        let tree = Tree::of_texts(&[
            ("docs/dev/a.md", page),
            ("docs/b.md", ""),
            ("crates/nn/src/lib.rs", ""),
        ]);
        check(&tree, &Settings::default())
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }

    #[test]
    fn links_and_paths_that_exist_pass() {
        let page = "[b](../b.md#part) [c](https://example.org/x) [d](#here) `crates/nn/src/lib.rs` `crates/nn/`\n";
        assert!(findings(page).is_empty());
    }

    #[test]
    fn what_does_not_exist_is_found() {
        let page = "[b](b.md), `crates/nn/src/gone.rs` and `crates/<name>/x.rs`, `cargo xtask`\n";
        assert_eq!(
            findings(page),
            [
                "`docs/dev/b.md` does not exist",
                "`crates/nn/src/gone.rs` does not exist"
            ]
        );
    }
}
