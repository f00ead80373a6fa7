//! A folder of code is seen at a glance.

use std::collections::BTreeMap;

use super::Finding;
use super::settings::Settings;
use super::tree::Tree;

pub(super) fn check(tree: &Tree, settings: &Settings) -> Vec<Finding> {
    let mut folders = BTreeMap::<&str, usize>::new();
    for file in tree.code() {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        *folders.entry(folder).or_default() += 1;
    }
    let limit = settings.limits.folder_files;
    folders.retain(|folder, files| *files > limit && !settings.excepts(folder));
    let finding = |(folder, files)| {
        Finding::failure(
            folder,
            format!(
                "{files} files of code, the limit is {limit}: make a folder for what belongs together"
            ),
        )
    };
    folders.into_iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::super::settings::Limits;
    use super::*;

    #[test]
    fn code_counts_and_data_does_not() {
        let limits = Limits {
            folder_files: 1,
            ..Limits::default()
        };
        let settings = Settings {
            limits,
            ..Settings::default()
        };
        let tree = Tree::of_texts(&[
            ("a/x.rs", ""),
            ("a/y.rs", ""),
            ("b/x.rs", ""),
            ("b/y.png", ""),
            ("b/c/z.rs", ""),
        ]);
        let places: Vec<_> = check(&tree, &settings)
            .into_iter()
            .map(|finding| finding.place)
            .collect();
        assert_eq!(places, ["a"]);
    }
}
