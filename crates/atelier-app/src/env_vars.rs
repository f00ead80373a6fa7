//! Every environment variable that the program reads. `docs/reference/environment.md` describes them.
//! Those that name a model hub stand in `atelier-hub`.

/// The folder for everything that the program keeps.
pub const ATELIER_HOME: &str = "ATELIER_HOME";
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

#[cfg(test)]
mod tests {
    #[test]
    fn the_reference_page_describes_every_variable() {
        let page = include_str!("../../../docs/reference/environment.md");
        let hub = include_str!("../../atelier-hub/src/network/env_vars.rs");
        let lines = include_str!("env_vars.rs").lines().chain(hub.lines());
        let names: Vec<_> = lines
            .filter(|line| line.starts_with("pub") && line.contains(" const "))
            .filter_map(|line| line.split('"').nth(1))
            .collect();
        assert!(names.contains(&"ATELIER_HOME") && names.contains(&"HF_TOKEN"));
        for name in names {
            assert!(page.contains(&format!("`{name}`")), "no `{name}`");
        }
    }
}
