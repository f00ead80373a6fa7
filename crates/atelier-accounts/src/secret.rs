//! Secrets that programs and browsers show instead of a password: 256 bits of the system's random numbers. Only their hashes
//! are kept, so that whoever reads the catalogue cannot use them. They need no slow hash, since they cannot be guessed.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

const BYTES: usize = 32;

/// A secret, which is shown once and never kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// What is kept of a secret: its SHA-256 in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretHash(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// A new one, which begins with these letters so that people see what it is.
    ///
    /// # Errors
    /// In words, when the system has no random numbers.
    pub fn new(prefix: &str) -> Result<Self, String> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
        let mut text = prefix.to_owned();
        for byte in bytes {
            let _ = write!(text, "{byte:02x}");
        }
        Ok(Self(text))
    }

    /// One that somebody showed.
    pub fn shown(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The secret itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn hash(&self) -> SecretHash {
        let mut text = String::with_capacity(2 * BYTES);
        for byte in Sha256::digest(self.0.as_bytes()) {
            let _ = write!(text, "{byte:02x}");
        }
        SecretHash(text)
    }

    /// Another secret that follows from this one, for a purpose, and does not give this one away.
    #[must_use]
    pub fn derived(&self, purpose: &str) -> Self {
        let Self(text) = self;
        Self(Self(format!("{purpose}:{text}")).hash().0)
    }

    /// Whether it is the one that somebody showed; takes as long whatever that is.
    pub fn is(&self, shown: &str) -> bool {
        self.0.as_bytes().ct_eq(shown.as_bytes()).into()
    }
}

impl SecretHash {
    /// The text to keep.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_differ_and_are_not_shown_by_accident() {
        let (one, other) = (Secret::new("atl_").unwrap(), Secret::new("atl_").unwrap());
        assert!(one.as_str().starts_with("atl_") && one.as_str().len() == 4 + 64);
        assert_ne!(one, other);
        assert_eq!(format!("{one:?}"), "Secret");
        assert!(one.is(one.as_str()) && !one.is(other.as_str()) && !one.is(""));
    }

    #[test]
    fn a_hash_is_that_of_the_secret_and_a_derived_one_is_another() {
        let hash = Secret::shown("abc").hash();
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.as_str(), known);
        let derived = Secret::shown("abc").derived("csrf");
        assert_eq!(derived, Secret::shown("abc").derived("csrf"));
        assert_ne!(derived.as_str(), known);
    }
}
