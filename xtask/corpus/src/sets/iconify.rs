//! Icon sets in Iconify's JSON layout: SVG bodies by name, and names by code point.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Result;
use serde::Deserialize;

use crate::concepts::{plain_code, read_json};
use crate::packages::Package;

/// An icon set.
#[derive(Debug, Deserialize)]
pub(crate) struct IconSet {
    icons: HashMap<String, Icon>,
    #[serde(default)]
    aliases: HashMap<String, Alias>,
    #[serde(default = "default_size")]
    width: f32,
    #[serde(default = "default_size")]
    height: f32,
}

#[derive(Debug, Deserialize)]
struct Icon {
    body: String,
    width: Option<f32>,
    height: Option<f32>,
    #[serde(default)]
    left: f32,
    #[serde(default)]
    top: f32,
}

#[derive(Debug, Deserialize)]
struct Alias {
    parent: String,
}

/// Iconify's size of an icon that states none.
fn default_size() -> f32 {
    16.0
}

impl IconSet {
    /// Reads the set of a package.
    pub(crate) fn load(cache: &Path, package: Package) -> Result<Self> {
        read_json(&package.folder(cache).join("icons.json"))
    }

    /// All names of own drawings, sorted.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.icons.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The complete SVG document of an icon.
    pub(crate) fn svg(&self, name: &str) -> Option<String> {
        self.svg_with_margin(name, 0.0)
    }

    /// As [`IconSet::svg`], with `margin` units of the drawing left empty around its page.
    pub(crate) fn svg_with_margin(&self, name: &str, margin: f32) -> Option<String> {
        let icon = self
            .icons
            .get(name)
            .or_else(|| self.icons.get(&self.aliases.get(name)?.parent))?;
        let (width, height) = (
            icon.width.unwrap_or(self.width),
            icon.height.unwrap_or(self.height),
        );
        Some(format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{} {} {} {}">{}</svg>"#,
            icon.left - margin,
            icon.top - margin,
            width + 2.0 * margin,
            height + 2.0 * margin,
            icon.body
        ))
    }
}

/// Icon names by plain code point, from the package's table.
pub(crate) fn names_by_code(cache: &Path, package: Package) -> Result<HashMap<String, String>> {
    let table: HashMap<String, String> = read_json(&package.folder(cache).join("chars.json"))?;
    Ok(table
        .into_iter()
        .map(|(code, name)| (plain_code(&code), name))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_icon_takes_the_size_of_its_set_unless_it_has_its_own() {
        let json = r#"{"width":32,"height":32,"icons":{"a":{"body":"<g/>"},"b":{"body":"<g/>","width":20}},
            "aliases":{"c":{"parent":"a"}}}"#;
        let set: IconSet = serde_json::from_str(json).unwrap();
        assert!(
            set.svg("a")
                .unwrap()
                .contains(r#"viewBox="0 0 32 32"><g/></svg>"#)
        );
        assert!(set.svg("b").unwrap().contains(r#"viewBox="0 0 20 32""#));
        assert_eq!(set.svg("c"), set.svg("a"));
        assert!(
            set.svg_with_margin("b", 1.5)
                .unwrap()
                .contains(r#"viewBox="-1.5 -1.5 23 35""#)
        );
        assert_eq!(set.svg("d"), None);
        assert_eq!(set.names(), ["a", "b"]);
    }
}
