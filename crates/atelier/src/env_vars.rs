//! Every environment variable that the program reads. `docs/reference/environment.md` describes them.
//! The client behind `hub` also reads `ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.

/// The folder for everything that the program keeps.
pub(crate) const ATELIER_HOME: &str = "ATELIER_HOME";
/// Where networks compute, when no flag says it.
pub(crate) const ATELIER_DEVICE: &str = "ATELIER_DEVICE";
/// The instructions that kernels use.
pub(crate) const ATELIER_INSTRUCTIONS: &str = "ATELIER_INSTRUCTIONS";
/// What packed weights may take on the disk.
pub(crate) const ATELIER_PACKED_GB: &str = "ATELIER_PACKED_GB";
/// Where programs keep data, by the XDG base directory specification.
pub(crate) const XDG_DATA_HOME: &str = "XDG_DATA_HOME";
/// The user's folder.
pub(crate) const HOME: &str = "HOME";

#[cfg(feature = "hub")]
pub(crate) use self::hub::*;

/// Read only when a source `hf:…` is named.
#[cfg(feature = "hub")]
mod hub {
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
    /// Where programs keep caches, by the XDG base directory specification.
    pub(crate) const XDG_CACHE_HOME: &str = "XDG_CACHE_HOME";
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_reference_page_describes_every_variable() {
        let page = include_str!("../../../docs/reference/environment.md");
        let code = include_str!("env_vars.rs");
        let names = code
            .lines()
            .filter(|line| line.trim_start().starts_with("pub(crate) const "))
            .filter_map(|line| line.split('"').nth(1));
        for name in names {
            assert!(page.contains(&format!("`{name}`")), "no `{name}`");
        }
    }
}
