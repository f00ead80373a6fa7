//! Who is let in.

use super::HostName;

/// Who is let in, and under which names. The default is for an address that only this machine reaches, where everybody is its
/// user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Whether everybody has to say who they are. Servers on addresses that other machines reach always ask.
    pub needs_login: bool,
    /// Names of this server besides its address, such as that of a proxy before it.
    pub hosts: Vec<HostName>,
    /// Whether browsers show their session only over HTTPS.
    pub has_secure_cookies: bool,
    /// Whether every request comes through a proxy, which says where it came from: `X-Forwarded-For`, `X-Forwarded-Proto`.
    pub is_behind_proxy: bool,
}
