//! The hash of a file's content, by which hub and cache name it: SHA-256 of large files, git's own of others.

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// A hash that was checked to be one, so that it can be a file name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum BlobId {
    /// Of the content.
    Sha256(String),
    /// SHA-1 of the content behind git's header.
    Git(String),
}

impl BlobId {
    /// A SHA-256 in lower-case hexadecimal.
    pub(crate) fn sha256(text: &str) -> Option<Self> {
        is_hex(text, 64).then(|| Self::Sha256(text.to_owned()))
    }

    /// A git object's SHA-1 in lower-case hexadecimal.
    pub(crate) fn git(text: &str) -> Option<Self> {
        is_hex(text, 40).then(|| Self::Git(text.to_owned()))
    }

    /// The hash in hexadecimal.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Sha256(name) | Self::Git(name) => name,
        }
    }

    /// What computes this kind of hash for a content of this size.
    pub(crate) fn hasher(&self, size_bytes: u64) -> ContentHasher {
        match self {
            Self::Sha256(_) => ContentHasher::Sha256(Sha256::new()),
            Self::Git(_) => {
                let header = format!("blob {size_bytes}\0");
                ContentHasher::Git(Sha1::new_with_prefix(header))
            }
        }
    }
}

/// Reads a content piece by piece.
#[derive(Debug, Clone)]
pub(crate) enum ContentHasher {
    /// SHA-256.
    Sha256(Sha256),
    /// Git's.
    Git(Sha1),
}

impl ContentHasher {
    /// Takes the next piece.
    pub(crate) fn update(&mut self, piece: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(piece),
            Self::Git(hasher) => hasher.update(piece),
        }
    }

    /// Whether what was read has this hash.
    pub(crate) fn agrees_with(self, id: &BlobId) -> bool {
        let digest = match self {
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
            Self::Git(hasher) => hasher.finalize().to_vec(),
        };
        let mut pairs = id.name().as_bytes().chunks_exact(2);
        let is_same = |byte: &u8| {
            let pair = pairs.next().and_then(|pair| str::from_utf8(pair).ok());
            pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) == Some(*byte)
        };
        digest.len() * 2 == id.name().len() && digest.iter().all(is_same)
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `git hash-object` and `sha256sum` say.
    const GIT_OF_HELLO: &str = "ce013625030ba8dba906f756967f9e9ca394464a";
    const SHA256_OF_HELLO: &str =
        "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

    #[test]
    fn both_kinds_are_those_of_git_and_sha256sum() {
        for id in [
            BlobId::git(GIT_OF_HELLO).unwrap(),
            BlobId::sha256(SHA256_OF_HELLO).unwrap(),
        ] {
            let mut hasher = id.hasher(6);
            hasher.update(b"hel");
            hasher.update(b"lo\n");
            assert!(hasher.clone().agrees_with(&id));
            hasher.update(b"!");
            assert!(!hasher.agrees_with(&id));
        }
    }

    #[test]
    fn what_is_no_hash_is_no_file_name() {
        for text in ["", "../../x", "ABCDEF", &"g".repeat(64), &"é".repeat(20)] {
            assert_eq!(BlobId::sha256(text), None);
            assert_eq!(BlobId::git(text), None);
        }
    }
}
