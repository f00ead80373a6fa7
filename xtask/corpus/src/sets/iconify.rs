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
    #[serde(flatten)]
    look: Look,
}

/// Another name of an icon, or of another alias.
#[derive(Debug, Deserialize)]
struct Alias {
    parent: String,
    #[serde(flatten)]
    look: Look,
}

/// What an icon or an alias says of its page, and how its drawing is mirrored and turned on it.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Look {
    width: Option<f32>,
    height: Option<f32>,
    left: Option<f32>,
    top: Option<f32>,
    /// Whether left and right change places.
    h_flip: bool,
    /// Whether top and bottom change places.
    v_flip: bool,
    /// Quarter turns, clockwise, after the mirroring.
    rotate: u8,
}

impl Look {
    /// The look of what is drawn like `parent`, apart from what this says.
    ///
    /// # Source
    /// Iconify's `mergeIconData`: own numbers win, mirrorings cancel each other, turns add up.
    fn over(self, parent: Self) -> Self {
        Self {
            width: self.width.or(parent.width),
            height: self.height.or(parent.height),
            left: self.left.or(parent.left),
            top: self.top.or(parent.top),
            h_flip: self.h_flip != parent.h_flip,
            v_flip: self.v_flip != parent.v_flip,
            rotate: (self.rotate % 4 + parent.rotate % 4) % 4,
        }
    }

    /// The drawing `body`, mirrored and turned about the middle (`x`, `y`) of its page.
    fn turned(self, body: &str, [x, y]: [f32; 2]) -> String {
        if !self.h_flip && !self.v_flip && self.rotate == 0 {
            return body.to_owned();
        }
        let degrees = f32::from(self.rotate) * 90.0;
        let [across, down] = [self.h_flip, self.v_flip].map(|flip| if flip { "-1" } else { "1" });
        // SVG applies the last of the list first
        format!(
            r#"<g transform="rotate({degrees} {x} {y}) translate({x} {y}) scale({across} {down}) translate({} {})">{body}</g>"#,
            -x, -y
        )
    }
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
        let (body, look) = self.icon(name)?;
        let [mut left, mut top] = [look.left, look.top].map(Option::unwrap_or_default);
        let mut width = look.width.unwrap_or(self.width);
        let mut height = look.height.unwrap_or(self.height);
        let [x, y] = [left + width / 2.0, top + height / 2.0];
        let body = look.turned(body, [x, y]);
        // the page turns with its drawing
        if !look.rotate.is_multiple_of(2) {
            std::mem::swap(&mut width, &mut height);
            (left, top) = (x - width / 2.0, y - height / 2.0);
        }
        Some(format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{} {} {} {}">{body}</svg>"#,
            left - margin,
            top - margin,
            width + 2.0 * margin,
            height + 2.0 * margin
        ))
    }

    /// The drawing that a name stands for, and its look; `None` when the name, or one that it leads to, is unknown.
    fn icon(&self, name: &str) -> Option<(&str, Look)> {
        let (mut name, mut look) = (name, Look::default());
        // an alias that leads back to itself ends here
        for _ in 0..=self.aliases.len() {
            if let Some(icon) = self.icons.get(name) {
                return Some((icon.body.as_str(), look.over(icon.look)));
            }
            let alias = self.aliases.get(name)?;
            look = look.over(alias.look);
            name = &alias.parent;
        }
        None
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
    use crate::raster::rgba_from_svg;

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

    #[test]
    fn an_alias_is_mirrored_first_and_turned_clockwise_then() {
        let json = r#"{"width":2,"height":2,"icons":{"a":{"body":"<rect width='1' height='1'/>"}},"aliases":{
            "h":{"parent":"a","hFlip":true},"v":{"parent":"a","vFlip":true},"r":{"parent":"a","rotate":1},
            "hr":{"parent":"a","hFlip":true,"rotate":1},"hr-h":{"parent":"hr","hFlip":true},
            "r-r":{"parent":"r","rotate":3},"ring":{"parent":"ring"}}}"#;
        let set: IconSet = serde_json::from_str(json).unwrap();
        // the drawn quarter: 0 upper left, 1 upper right, 2 lower left, 3 lower right
        let quarter = |name: &str| {
            let rgba = rgba_from_svg(&set.svg(name).unwrap(), 2).unwrap();
            let drawn: Vec<usize> = (0..4).filter(|i| rgba[i * 4 + 3] > 127).collect();
            assert_eq!(drawn.len(), 1, "{name}");
            drawn[0]
        };
        assert_eq!(["a", "h", "v", "r"].map(quarter), [0, 1, 2, 1]);
        assert_eq!(["hr", "hr-h", "r-r"].map(quarter), [3, 1, 0]);
        assert_eq!(set.svg("ring"), None);
    }

    #[test]
    fn a_page_turns_with_its_drawing_about_its_middle() {
        let json = r#"{"icons":{"wide":{"body":"<g/>","width":4,"height":2}},
            "aliases":{"high":{"parent":"wide","rotate":3}}}"#;
        let set: IconSet = serde_json::from_str(json).unwrap();
        assert!(set.svg("high").unwrap().contains(r#"viewBox="1 -1 2 4""#));
    }
}
