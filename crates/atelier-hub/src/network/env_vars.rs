//! The environment variables that say which hub, as `docs/reference/environment.md` describes them. Read only when a source
//! `hf:…` is named. Those of proxies count in small letters too.

/// The proxy where the scheme has none of its own.
pub(crate) const ALL_PROXY: &str = "ALL_PROXY";
/// Milliseconds before a failed request is tried again; the wait doubles each time.
pub(crate) const ATELIER_HUB_WAIT_MS: &str = "ATELIER_HUB_WAIT_MS";
/// The address of the hub.
pub(crate) const HF_ENDPOINT: &str = "HF_ENDPOINT";
/// The folder for the token and the cache.
pub(crate) const HF_HOME: &str = "HF_HOME";
/// The folder for the cache alone.
pub(crate) const HF_HUB_CACHE: &str = "HF_HUB_CACHE";
/// Whether the network must not be used.
pub(crate) const HF_HUB_OFFLINE: &str = "HF_HUB_OFFLINE";
/// The token.
pub(crate) const HF_TOKEN: &str = "HF_TOKEN";
/// The file that holds the token.
pub(crate) const HF_TOKEN_PATH: &str = "HF_TOKEN_PATH";
/// The user's folder.
pub(crate) const HOME: &str = "HOME";
/// The proxy for addresses with `https`.
pub(crate) const HTTPS_PROXY: &str = "HTTPS_PROXY";
/// The proxy for addresses with `http`.
pub(crate) const HTTP_PROXY: &str = "HTTP_PROXY";
/// What is asked without a proxy.
pub(crate) const NO_PROXY: &str = "NO_PROXY";
/// The file with the certificates of those who are believed, in place of those inside the program.
pub(crate) const SSL_CERT_FILE: &str = "SSL_CERT_FILE";
/// Where programs keep caches, by the XDG base directory specification.
pub(crate) const XDG_CACHE_HOME: &str = "XDG_CACHE_HOME";
