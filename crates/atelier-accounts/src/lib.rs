//! What accounts are made of: roles and scopes, passwords, secrets that nobody guesses, and limits of how often something is
//! tried. Nothing here reads a clock or a file; whoever calls says what time it is.

mod bucket;
mod password;
mod role;
mod secret;

pub use bucket::{Buckets, Rate};
pub use password::{LEAST_PASSWORD_CHARS, PasswordHash, PasswordProblem};
pub use role::{Role, TokenScope, UnknownWord};
pub use secret::{Secret, SecretHash};
