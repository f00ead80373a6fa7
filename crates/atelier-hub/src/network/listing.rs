//! What a revision of a repository holds: the commit, and each file with its size and the hash of its content.

use std::collections::BTreeMap;

use anyhow::Result;
use atelier_core::ErrorCode;
use atelier_failure::failed;
use serde::Deserialize;

use crate::network::blob_id::BlobId;
use crate::network::client::{Client, RANGE_NOT_SATISFIABLE, encoded};
use crate::network::refusal::Wanted;
use crate::network::trouble::Trouble;
use crate::source::{HubSource, is_commit, path_problem};

/// Longest list of files that is read.
const MAX_LIST_BYTES: usize = 64 << 20;
/// A size beyond which a file is a mistake: a pebibyte.
const MAX_FILE_BYTES: u64 = 1 << 50;
/// Largest file that is not weights.
const MAX_SMALL_BYTES: u64 = 64 << 20;

/// A file that the hub announces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemoteFile {
    /// Its path in the repository.
    pub(crate) name: String,
    /// Its length.
    pub(crate) size_bytes: u64,
    /// The hash of its content.
    pub(crate) id: BlobId,
}

/// The files of one commit.
#[derive(Debug)]
pub(crate) struct Listing {
    /// The commit that the revision stands for.
    pub(crate) commit: String,
    files: BTreeMap<String, Entry>,
    /// Paths that nothing is stored under, since not every system has such names or they lead elsewhere.
    pub(crate) unsafe_names: Vec<String>,
}

impl Listing {
    /// Asks the hub.
    pub(crate) fn fetch(client: &Client<'_>, source: &HubSource) -> Result<Self> {
        let (repo, revision) = (&source.repo, source.revision());
        let wanted = Wanted {
            repo,
            revision,
            file: None,
        };
        let revision = encoded(revision);
        let path = format!("/api/models/{repo}/revision/{revision}?blobs=true");
        let answer = client.persist(|_| answer(client, &path, &wanted))?;
        let read = Self::read(&answer).and_then(|listing| listing.check_commit(source.revision()));
        read.map_err(|problem| {
            let message = format!(
                "{} does not answer as a model hub when asked for {wanted}: {problem}",
                client.settings.endpoint
            );
            failed(ErrorCode::BadDownload, message)
        })
    }

    /// Paths of all files.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// A file, with the size and hash that it must have.
    pub(crate) fn file(&self, name: &str) -> Result<RemoteFile> {
        let bad = |problem: String| failed(ErrorCode::BadDownload, format!("`{name}` {problem}"));
        let entry = self
            .files
            .get(name)
            .ok_or_else(|| bad("is not in the list of files".to_owned()))?;
        let id = entry.id().ok_or_else(|| {
            bad("is listed without the hash of its content, so it cannot be checked".to_owned())
        })?;
        let size_bytes = entry
            .size()
            .ok_or_else(|| bad("is listed without a size".to_owned()))?;
        let limit = if name.ends_with(".safetensors") {
            MAX_FILE_BYTES
        } else {
            MAX_SMALL_BYTES
        };
        if size_bytes > limit {
            return Err(bad(format!(
                "is announced with {size_bytes} bytes, at most {limit} are fetched"
            )));
        }
        Ok(RemoteFile {
            name: name.to_owned(),
            size_bytes,
            id,
        })
    }

    fn read(text: &[u8]) -> Result<Self, String> {
        let answer: Answer =
            serde_json::from_slice(text).map_err(|error| format!("no list of files: {error}"))?;
        if !is_commit(&answer.sha) {
            return Err(format!("`{}` is no commit", answer.sha.escape_debug()));
        }
        let mut files = BTreeMap::new();
        let mut unsafe_names = Vec::new();
        for entry in answer.siblings {
            let name = entry.rfilename.clone();
            if path_problem(&name).is_none() {
                files.insert(name, entry);
            } else {
                unsafe_names.push(name);
            }
        }
        Ok(Self {
            commit: answer.sha,
            files,
            unsafe_names,
        })
    }

    fn check_commit(self, revision: &str) -> Result<Self, String> {
        if is_commit(revision) && self.commit != revision {
            return Err(format!("it gives the commit `{}` for it", self.commit));
        }
        Ok(self)
    }
}

fn answer(client: &Client<'_>, path: &str, wanted: &Wanted<'_>) -> Result<Vec<u8>, Trouble> {
    let (head, mut transfer) = client.open(path, 0, wanted)?;
    let problem = |problem: &str| {
        let endpoint = &client.settings.endpoint;
        let message = format!("{endpoint} answers {problem} when asked for {wanted}");
        Trouble::lasting(ErrorCode::BadDownload, message)
    };
    if head.status == RANGE_NOT_SATISFIABLE {
        return Err(problem("with a range"));
    }
    if is_web_page(head.header("content-type")) {
        return Err(problem(
            "with a web page; is there a login page or a proxy between",
        ));
    }
    let mut text = Vec::new();
    while let Some(piece) = transfer.piece()? {
        text.extend(piece);
        if text.len() > MAX_LIST_BYTES {
            return Err(problem("with an endless list of files"));
        }
    }
    Ok(text)
}

/// Whether the content is made for a browser.
pub(crate) fn is_web_page(content_type: Option<&str>) -> bool {
    content_type.is_some_and(|kind| {
        kind.trim_start()
            .to_ascii_lowercase()
            .starts_with("text/html")
    })
}

#[derive(Debug, Deserialize)]
struct Answer {
    sha: String,
    #[serde(default)]
    siblings: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    rfilename: String,
    size: Option<u64>,
    #[serde(rename = "blobId")]
    blob_id: Option<String>,
    lfs: Option<LargeFile>,
}

#[derive(Debug, Deserialize)]
struct LargeFile {
    #[serde(alias = "oid")]
    sha256: String,
    size: Option<u64>,
}

impl Entry {
    fn id(&self) -> Option<BlobId> {
        match &self.lfs {
            Some(large) => BlobId::sha256(&large.sha256),
            None => BlobId::git(self.blob_id.as_deref()?),
        }
    }

    fn size(&self) -> Option<u64> {
        self.lfs.as_ref().and_then(|large| large.size).or(self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn listing(files: &str) -> Result<Listing, String> {
        Listing::read(format!(r#"{{"sha": "{COMMIT}", "siblings": [{files}]}}"#).as_bytes())
    }

    #[test]
    fn large_files_have_a_sha256_and_others_the_hash_of_git() {
        let sha256 = "ab".repeat(32);
        let files = format!(
            r#"{{"rfilename": "unet/a.safetensors", "size": 9, "blobId": "{COMMIT}",
                 "lfs": {{"sha256": "{sha256}", "size": 9, "pointerSize": 130}}}},
               {{"rfilename": "README.md", "size": 3, "blobId": "{COMMIT}"}}"#
        );
        let listing = listing(&files).unwrap();
        let large = listing.file("unet/a.safetensors").unwrap();
        assert_eq!((large.size_bytes, large.id.name()), (9, &*sha256));
        let small = listing.file("README.md").unwrap();
        assert_eq!((small.size_bytes, small.id.name()), (3, COMMIT));
    }

    #[test]
    fn paths_that_leave_the_folder_or_no_file_can_have_are_left_out() {
        for name in [
            "../a",
            "/etc/passwd",
            "a/../../b",
            "a//b",
            "C:/x",
            "a\\\\..\\\\b",
            "a\\u0000",
        ] {
            let files = format!(r#"{{"rfilename": "{name}"}}, {{"rfilename": "b"}}"#);
            let listing = listing(&files).unwrap();
            assert_eq!(listing.names().collect::<Vec<_>>(), ["b"], "{name}");
            assert_eq!(listing.unsafe_names.len(), 1, "{name}");
        }
    }

    #[test]
    fn sizes_and_hashes_that_cannot_be_are_refused_when_the_file_is_wanted() {
        let large = format!("\"lfs\": {{\"sha256\": \"{}\"}}", "a".repeat(64));
        for (name, rest, problem) in [
            (
                "a.safetensors",
                "\"size\": 1".to_owned(),
                "without the hash",
            ),
            (
                "a.safetensors",
                format!("\"blobId\": \"../x\", {}", "\"size\": 1"),
                "without the hash",
            ),
            ("a.safetensors", large.clone(), "without a size"),
            (
                "a.safetensors",
                format!("\"size\": 1125899906842625, {large}"),
                "at most",
            ),
            ("a.json", format!("\"size\": 99999999, {large}"), "at most"),
        ] {
            let listing = listing(&format!(r#"{{"rfilename": "{name}", {rest}}}"#)).unwrap();
            let error = listing.file(name).unwrap_err().to_string();
            assert!(error.contains(problem), "{rest}: {error}");
        }
    }

    #[test]
    fn an_answer_that_is_no_list_is_refused() {
        for text in [
            "",
            "<html>",
            "[]",
            r#"{"sha": "main"}"#,
            r#"{"sha": "../x"}"#,
        ] {
            assert!(Listing::read(text.as_bytes()).is_err(), "{text}");
        }
        let other = "f".repeat(40);
        assert!(listing("").unwrap().check_commit(&other).is_err());
        assert!(listing("").unwrap().check_commit("main").is_ok());
    }
}
