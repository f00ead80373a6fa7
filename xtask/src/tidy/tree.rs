//! The files of the checkout as plain text, so that rules can be tested on trees that exist nowhere.

use std::path::Path;

use anyhow::Result;

use crate::process;

/// Extensions of the files that people write and read as code.
const CODE: &[&str] = &["rs", "py", "sh", "ts", "svelte"];

/// Extensions whose content some rule looks at, besides code.
const TEXT: &[&str] = &["md", "toml"];

/// Every file that git knows or would add.
pub(super) struct Tree(Vec<File>);

/// One file.
pub(super) struct File {
    /// Path from the root, with forward slashes.
    pub(super) path: String,
    /// The content; empty for files that no rule reads.
    pub(super) text: String,
}

impl Tree {
    /// Lists and reads the checkout.
    pub(super) fn of_checkout(root: &Path) -> Result<Self> {
        let mut git = process::command("git");
        git.args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root);
        let listing = process::output(&mut git)?;
        let mut files = Vec::new();
        for path in listing
            .split('\0')
            .filter(|path| !path.is_empty() && root.join(path).is_file())
        {
            let read = CODE.contains(&extension(path)) || TEXT.contains(&extension(path));
            let text = if read {
                fs_err::read_to_string(root.join(path))?
            } else {
                String::new()
            };
            files.push(File {
                path: path.to_owned(),
                text,
            });
        }
        Ok(Self(files))
    }

    /// A tree for tests.
    #[cfg(test)]
    pub(super) fn of_texts(files: &[(&str, &str)]) -> Self {
        let file = |&(path, text): &(&str, &str)| File {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        Self(files.iter().map(file).collect())
    }

    /// Every file.
    pub(super) fn files(&self) -> &[File] {
        &self.0
    }

    /// The file at `path`.
    pub(super) fn get(&self, path: &str) -> Option<&File> {
        self.0.iter().find(|file| file.path == path)
    }

    /// The files that hold code.
    pub(super) fn code(&self) -> impl Iterator<Item = &File> {
        self.0
            .iter()
            .filter(|file| CODE.contains(&file.extension()))
    }
}

impl File {
    /// The part after the last dot, or the empty text.
    pub(super) fn extension(&self) -> &str {
        extension(&self.path)
    }

    /// Whether the file only tests.
    pub(super) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.split('/').any(|part| part == "tests")
    }

    /// The lines before the tests inside the file.
    pub(super) fn product_lines(&self) -> usize {
        self.product_text().lines().count()
    }

    /// The text before the tests inside the file.
    pub(super) fn product_text(&self) -> &str {
        let is_tests = |&(at, _): &(usize, &str)| {
            let rest = &self.text[at..];
            let module = rest.split_once('\n').map_or("", |(_, next)| next);
            module.starts_with("mod ")
                && module
                    .lines()
                    .next()
                    .is_some_and(|line| line.ends_with('{'))
        };
        let start = self.text.match_indices("#[cfg(test)]\n").find(is_tests);
        start.map_or(&self.text, |(at, _)| &self.text[..at])
    }
}

fn extension(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_inside_a_file_are_not_product_lines() {
        let tree = Tree::of_texts(&[("a.rs", "fn a() {}\n\n#[cfg(test)]\nmod tests {\n}\n")]);
        assert_eq!(tree.files()[0].product_lines(), 2);
    }

    #[test]
    fn a_declared_test_module_does_not_end_the_product() {
        let tree = Tree::of_texts(&[("a.rs", "#[cfg(test)]\nmod tests;\nfn a() {}\n")]);
        assert_eq!(tree.files()[0].product_lines(), 3);
    }

    #[test]
    fn test_files_are_known_by_name_and_folder() {
        let tree = Tree::of_texts(&[
            ("a/tests.rs", ""),
            ("a/tests/it/main.rs", ""),
            ("a/latests.rs", ""),
        ]);
        let tests: Vec<_> = tree.files().iter().map(File::is_test).collect();
        assert_eq!(tests, [true, true, false]);
    }
}
