//! `hf:owner/repo[@revision][/file.safetensors]`: how a base on a model hub is named.

use std::fmt;

use anyhow::Result;
use atelier_core::ErrorCode;
use atelier_failure::failed;

/// What such a source starts with.
const PREFIX: &str = "hf:";
/// Longest owner or name of a repository.
const MAX_WORD_LENGTH: usize = 96;
/// The revision of a source that names none.
#[cfg(feature = "network")]
const DEFAULT_REVISION: &str = "main";

/// A repository of a model hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repo {
    /// Whose it is.
    pub(crate) owner: String,
    /// What it is called.
    pub(crate) name: String,
}

impl fmt::Display for Repo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// A repository, a state of it, and perhaps one file in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubSource {
    /// The repository.
    pub(crate) repo: Repo,
    /// A branch, a tag or a commit, where one is named.
    revision: Option<String>,
    /// The checkpoint, where one is named.
    pub(crate) file: Option<String>,
}

impl HubSource {
    /// Reads a source; `None` when the word is no such source.
    pub fn recognise(word: &str) -> Result<Option<Self>> {
        let Some(rest) = word.strip_prefix(PREFIX) else {
            return Ok(None);
        };
        let source = Self::parse(rest).map_err(|problem| {
            let message = format!(
                "cannot read `{word}`: {problem}; write `hf:owner/repo`, `hf:owner/repo@revision`, or one of them \
                 with `/file.safetensors` behind it"
            );
            failed(ErrorCode::InvalidInput, message)
        })?;
        Ok(Some(source))
    }

    /// The source that a record names, `owner/repo@commit` with perhaps `/file` behind it.
    pub fn of_record(name: &str) -> Option<Self> {
        let source = Self::parse(name).ok()?;
        let is_fixed = source.revision.as_deref().is_some_and(is_commit);
        is_fixed.then_some(source)
    }

    /// A name under which a base from here can be kept: that of the file or the repository, as a folder's is its own. With the
    /// owner in front where it would be hidden, or begin with a `reserved` word.
    pub fn base_name(&self, reserved: &str) -> String {
        let file = self.file.as_deref().map(|file| {
            let name = file.rsplit('/').next().unwrap_or(file);
            name.trim_end_matches(".safetensors")
        });
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '-'
            }
        };
        let name: String = file.unwrap_or(&self.repo.name).chars().map(plain).collect();
        if name.is_empty() || name.starts_with('.') || name.starts_with(reserved) {
            return format!("{}-{}", self.repo.owner, name);
        }
        name
    }

    /// The repository and the revision, as a source names them.
    #[cfg(feature = "network")]
    pub(crate) fn label(&self) -> String {
        match &self.revision {
            Some(revision) => format!("{}@{}", self.repo, revision.replace('/', "%2F")),
            None => self.repo.to_string(),
        }
    }

    /// The revision that is asked for.
    #[cfg(feature = "network")]
    pub(crate) fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or(DEFAULT_REVISION)
    }

    fn parse(rest: &str) -> Result<Self, String> {
        let (owner, rest) = rest.split_once('/').ok_or("the repository has no owner")?;
        let (head, file) = match rest.split_once('/') {
            Some((head, file)) => (head, Some(file)),
            None => (rest, None),
        };
        let (name, revision) = match head.split_once('@') {
            // A slash inside of a revision is written as the hub's own programs write it.
            Some((name, revision)) => (name, Some(revision.replace("%2F", "/"))),
            None => (head, None),
        };
        for word in [owner, name] {
            if let Some(problem) = word_problem(word) {
                return Err(format!("`{word}` {problem}"));
            }
        }
        for path in revision.as_deref().into_iter().chain(file) {
            if let Some(problem) = path_problem(path) {
                return Err(format!("`{path}` {problem}"));
            }
        }
        if let Some(file) = file.filter(|file| !file.ends_with(".safetensors")) {
            return Err(format!(
                "`{file}` is no `.safetensors` file, and other kinds are not read"
            ));
        }
        Ok(Self {
            repo: Repo {
                owner: owner.to_owned(),
                name: name.to_owned(),
            },
            revision,
            file: file.map(str::to_owned),
        })
    }
}

impl fmt::Display for HubSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.repo)?;
        if let Some(revision) = &self.revision {
            write!(f, "@{}", revision.replace('/', "%2F"))?;
        }
        match &self.file {
            Some(file) => write!(f, "/{file}"),
            None => Ok(()),
        }
    }
}

/// Whether a revision is a whole commit hash, which never means anything else later.
pub(crate) fn is_commit(revision: &str) -> bool {
    revision.len() == 40
        && revision
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Why a repository or an owner cannot be called this, if it cannot.
fn word_problem(word: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_plain = word.chars().all(plain) && !word.contains("--") && !word.contains("..");
    let has_ends = |c: char| word.starts_with(c) || word.ends_with(c);
    if word.is_empty()
        || word.len() > MAX_WORD_LENGTH
        || has_ends('.')
        || has_ends('-')
        || !is_plain
    {
        return Some("is no name on a hub: letters, digits, and single `.`, `_` and `-` inside");
    }
    None
}

/// Why a path cannot lie inside of a folder, if it cannot.
pub(crate) fn path_problem(path: &str) -> Option<&'static str> {
    let leaves = |part: &str| part.is_empty() || part == "." || part == "..";
    if path.split('/').any(leaves) {
        return Some("has an empty part, `.` or `..` in it");
    }
    path.chars()
        .any(|c| c.is_control() || "\\:*?\"<>|".contains(c))
        .then_some("has a character that no file name should have")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(word: &str) -> HubSource {
        HubSource::recognise(word).unwrap().unwrap()
    }

    #[test]
    fn repository_revision_and_file_are_told_apart() {
        let parts = |word| {
            let source = source(word);
            (source.repo.to_string(), source.revision, source.file)
        };
        let repo = || "a/b-1.5".to_owned();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(parts("hf:a/b-1.5"), (repo(), None, None));
        assert_eq!(parts("hf:a/b-1.5@v2"), (repo(), text("v2"), None));
        let both = (repo(), text("v2"), text("x/y z.safetensors"));
        assert_eq!(parts("hf:a/b-1.5@v2/x/y z.safetensors"), both);
        let file = (repo(), None, text("m@2.safetensors"));
        assert_eq!(parts("hf:a/b-1.5/m@2.safetensors"), file);
        let branch = (repo(), text("refs/pr/1"), None);
        assert_eq!(parts("hf:a/b-1.5@refs%2Fpr%2F1"), branch);
    }

    #[test]
    fn other_words_are_left_alone() {
        for word in ["tiny", "./hf/a", "HF:a/b", ""] {
            assert_eq!(HubSource::recognise(word).unwrap(), None, "{word}");
        }
    }

    #[test]
    fn a_record_names_a_whole_commit_and_nothing_else() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        for rest in ["", "/x/y.safetensors"] {
            let name = format!("a/b@{commit}{rest}");
            let source = HubSource::of_record(&name).unwrap();
            assert_eq!(source.to_string(), format!("hf:{name}"));
        }
        let up = format!("a/b@{commit}/../c.safetensors");
        let capitals = format!("a/b@{}", commit.to_uppercase());
        for name in ["tiny", "a/b", "a/b@main", "/etc/passwd", &up, &capitals] {
            assert_eq!(HubSource::of_record(name), None, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_a_source_is_refused_with_the_forms_that_can() {
        for word in [
            "hf:",
            "hf:a",
            "hf:/b",
            "hf:a/",
            "hf:../b",
            "hf:a/..",
            "hf:a/b--c",
            "hf:a b/c",
            "hf:a/b@",
            "hf:a/b@../../x",
            "hf:a/b@..%2F..%2Fx",
            "hf:a/b/",
            "hf:a/b/../c.safetensors",
            "hf:a/b//c.safetensors",
            "hf:a/b/c.ckpt",
            "hf:https://example.org/a/b",
        ] {
            let error = HubSource::recognise(word).unwrap_err().to_string();
            assert!(error.contains("hf:owner/repo@revision"), "{word}: {error}");
        }
    }

    #[test]
    fn a_base_from_a_hub_gets_a_name_that_bases_can_have() {
        for (word, name) in [
            ("hf:a/b-1.5@v2", "b-1.5"),
            ("hf:a/b/x/my model (v2).safetensors", "my-model--v2-"),
            ("hf:a/b/.safetensors", "a-"),
            ("hf:a/atelier-mini-2", "a-atelier-mini-2"),
        ] {
            assert_eq!(source(word).base_name("atelier-mini"), name);
        }
    }
}
