//! Reference tensors have an origin: `golden/<name>.safetensors` has `golden/<name>.py` beside it, a folder
//! `golden/<name>/` has `golden/<name>.py`, or a README there names file or folder and script in one line.

use super::Finding;
use super::settings::Settings;
use super::tree::Tree;

pub(super) fn check(tree: &Tree, _settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree
        .files()
        .iter()
        .filter(|file| file.extension() == "safetensors")
    {
        let in_golden = file.path.split('/').any(|part| part == "golden");
        if in_golden && !has_origin(tree, &file.path) {
            findings.push(Finding::failure(
                &file.path,
                "no script made it: put the `.py` with the same name beside it",
            ));
        }
    }
    findings
}

/// Walks from the file up to the folder `golden`.
fn has_origin(tree: &Tree, path: &str) -> bool {
    let mut subject = path.trim_end_matches(".safetensors");
    loop {
        let (folder, name) = subject.rsplit_once('/').unwrap_or(("", subject));
        if tree.get(&format!("{subject}.py")).is_some() || named_in_readme(tree, folder, name) {
            return true;
        }
        if folder.is_empty() || folder == "golden" || folder.ends_with("/golden") {
            return false;
        }
        subject = folder;
    }
}

fn named_in_readme(tree: &Tree, folder: &str, name: &str) -> bool {
    let Some(readme) = tree.get(&format!("{folder}/README.md")) else {
        return false;
    };
    readme
        .text
        .lines()
        .filter(|line| line.contains(name))
        .any(|line| {
            let words =
                line.split(|letter: char| !letter.is_alphanumeric() && !"._-/".contains(letter));
            words
                .filter(|word| {
                    word.rsplit_once('.')
                        .is_some_and(|(_, extension)| extension == "py")
                })
                .any(|word| tree.get(&format!("{folder}/{word}")).is_some())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(files: &[(&str, &str)]) -> usize {
        check(&Tree::of_texts(files), &Settings::default()).len()
    }

    #[test]
    fn a_file_needs_its_script() {
        assert_eq!(count(&[("golden/unet.safetensors", "")]), 1);
        assert_eq!(
            count(&[("golden/unet.safetensors", ""), ("golden/unet.py", "")]),
            0
        );
        assert_eq!(
            count(&[("golden/unet.safetensors", ""), ("golden/other.py", "")]),
            1
        );
    }

    #[test]
    fn a_folder_counts_by_its_script_or_its_readme() {
        let weights = ("golden/tiny-sd15/unet/model.safetensors", "");
        assert_eq!(count(&[weights]), 1);
        assert_eq!(count(&[weights, ("golden/tiny-sd15.py", "")]), 0);
        let readme = (
            "golden/README.md",
            "- `tiny-sd15/` is written by `make_tiny.py`.\n",
        );
        assert_eq!(count(&[weights, readme]), 1);
        assert_eq!(count(&[weights, readme, ("golden/make_tiny.py", "")]), 0);
    }

    #[test]
    fn other_weights_are_none_of_its_business() {
        assert_eq!(count(&[("assets/base/unet.safetensors", "")]), 0);
    }
}
