//! Passwords, kept as Argon2id hashes with a salt each.

use argon2::password_hash::{self, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};

/// Shortest password.
pub const LEAST_PASSWORD_CHARS: usize = 10;
/// Longest password, so that nobody has the server hash a book.
const MOST_BYTES: usize = 1024;
/// What a hash takes: 19 MiB and two passes, as OWASP advises for Argon2id with one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const SALT_BYTES: usize = 16;

/// Why a password is not taken.
#[derive(Debug, thiserror::Error)]
pub enum PasswordProblem {
    /// It is too easy to guess.
    #[error("the password has {has} characters; at least {LEAST_PASSWORD_CHARS} are needed")]
    TooShort {
        /// How many it has.
        has: usize,
    },
    /// Nobody types that.
    #[error("the password has more than {MOST_BYTES} bytes")]
    TooLong,
    /// The system has no random numbers, or the hash could not be computed.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
}

/// What is kept of a password: how it was hashed, the salt and the hash, in one text.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash")
    }
}

impl PasswordHash {
    /// Hashes a password that somebody chose. Takes tens of milliseconds and 19 MiB.
    pub fn of(password: &str) -> Result<Self, PasswordProblem> {
        let has = password.chars().count();
        if has < LEAST_PASSWORD_CHARS {
            return Err(PasswordProblem::TooShort { has });
        }
        if password.len() > MOST_BYTES {
            return Err(PasswordProblem::TooLong);
        }
        hash(password.as_bytes()).map(Self)
    }

    /// A hash that no password fits, for names that nobody has: looking at it takes as long as at any other.
    pub fn of_nobody() -> Result<Self, PasswordProblem> {
        let mut unknown = [0; 32];
        getrandom::fill(&mut unknown).map_err(failed)?;
        hash(&unknown).map(Self)
    }

    /// One that was kept.
    pub fn kept(text: String) -> Self {
        Self(text)
    }

    /// The text to keep.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is that of this password. Takes as long as [`Self::of`], whatever the password is.
    pub fn fits(&self, password: &str) -> bool {
        let Ok(kept) = password_hash::PasswordHash::new(&self.0) else {
            return false;
        };
        // As much work for passwords that can be none.
        let is_usable = password.len() <= MOST_BYTES;
        let password = if is_usable { password.as_bytes() } else { b"" };
        let fits = Argon2::default().verify_password(password, &kept).is_ok();
        fits && is_usable
    }
}

fn hash(password: &[u8]) -> Result<String, PasswordProblem> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(failed)?;
    let salt = SaltString::encode_b64(&salt).map_err(failed)?;
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(failed)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2.hash_password(password, &salt).map_err(failed)?;
    Ok(hash.to_string())
}

fn failed(error: impl std::fmt::Display) -> PasswordProblem {
    PasswordProblem::Hash(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_fits_and_the_text_does_not_hold_it() {
        let hash = PasswordHash::of("correct horse").unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(!hash.as_str().contains("horse") && !format!("{hash:?}").contains("argon2"));
        let kept = PasswordHash::kept(hash.as_str().to_owned());
        assert!(kept.fits("correct horse"));
        assert!(!kept.fits("correct Horse") && !kept.fits("") && !kept.fits(&"x".repeat(2000)));
        assert_ne!(PasswordHash::of("correct horse").unwrap(), hash);
    }

    #[test]
    fn short_and_endless_passwords_are_refused() {
        let short = PasswordHash::of("ninechars").unwrap_err().to_string();
        assert!(short.contains("has 9") && short.contains("10"), "{short}");
        let long = PasswordHash::of(&"x".repeat(1025)).unwrap_err();
        assert!(matches!(long, PasswordProblem::TooLong));
        assert!(PasswordHash::of("ééééééééé").is_err());
    }

    #[test]
    fn nothing_fits_the_hash_of_nobody_or_one_that_is_none() {
        assert!(!PasswordHash::of_nobody().unwrap().fits(""));
        assert!(!PasswordHash::kept("plain".to_owned()).fits("plain"));
    }
}
