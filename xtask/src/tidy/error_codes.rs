//! Every error code is documented.

use atelier_core::ErrorCode;

use super::Finding;
use super::settings::Settings;
use super::tree::Tree;

const PAGE: &str = "docs/reference/errors.md";

pub(super) fn check(tree: &Tree, _settings: &Settings) -> Vec<Finding> {
    let page = tree.get(PAGE).map_or("", |file| &file.text);
    let names = ErrorCode::ALL.iter().map(|code| code.name());
    let missing = names.filter(|name| !page.contains(&format!("`{name}`")));
    missing
        .map(|name| {
            Finding::failure(
                PAGE,
                format!("error code `{name}` is missing, run `cargo xtask gen`"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_code_is_found() {
        let names: Vec<_> = ErrorCode::ALL
            .iter()
            .map(|code| format!("`{}`", code.name()))
            .collect();
        let all = names.join(
            "
",
        );
        let findings = |page: &str| check(&Tree::of_texts(&[(PAGE, page)]), &Settings::default());
        assert!(findings(&all).is_empty());
        let without = all.replace("`bad_base`", "");
        assert_eq!(findings(&without).len(), 1);
    }

    #[test]
    fn a_missing_page_lacks_every_code() {
        assert_eq!(
            check(&Tree::of_texts(&[]), &Settings::default()).len(),
            ErrorCode::ALL.len()
        );
    }
}
