//! What an account may do, and what of that a token may.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A word that stands for no role or scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no {what}; expected is {expected}")]
pub struct UnknownWord {
    /// What was expected, such as `role`.
    what: &'static str,
    /// The word.
    word: String,
    /// The words that there are.
    expected: &'static str,
}

/// What an account may do. Each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees what is shared, and changes nothing.
    Viewer,
    /// Has things of its own, which nobody else sees unless they are shared, and sees what is shared.
    Member,
    /// Sees and changes everything, and says who has an account.
    Owner,
}

/// What a token may do of what its account may. Each scope may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenScope {
    /// See.
    Read,
    /// Make, change and delete things.
    Write,
    /// Everything, such as making accounts and tokens.
    All,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Member, Self::Owner];

    /// The role as a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Owner => "owner",
        }
    }
}

impl TokenScope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::All];

    /// The scope as a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::All => "all",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for TokenScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|role| role.name() == word);
        found.ok_or_else(|| UnknownWord {
            what: "role",
            word: word.to_owned(),
            expected: "`owner`, `member` or `viewer`",
        })
    }
}

impl FromStr for TokenScope {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|scope| scope.name() == word);
        found.ok_or_else(|| UnknownWord {
            what: "scope",
            word: word.to_owned(),
            expected: "`read`, `write` or `all`",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_there_and_back_and_others_are_refused_by_name() {
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
        }
        for scope in TokenScope::ALL {
            assert_eq!(scope.name().parse(), Ok(scope));
        }
        let error = "admin".parse::<Role>().unwrap_err().to_string();
        assert!(
            error.contains("`admin`") && error.contains("`member`"),
            "{error}"
        );
        let error = "Read".parse::<TokenScope>().unwrap_err().to_string();
        assert!(error.contains("`write`"), "{error}");
    }

    #[test]
    fn each_role_and_scope_is_more_than_the_one_before() {
        assert!(Role::Viewer < Role::Member && Role::Member < Role::Owner);
        assert!(TokenScope::Read < TokenScope::Write && TokenScope::Write < TokenScope::All);
    }
}
