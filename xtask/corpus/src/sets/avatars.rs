//! Drawn persons with exact captions: a script chooses every attribute and draws them with the DiceBear packages.
//!
//! One character of each style is drawn for evaluation only and never trained on.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use rayon::prelude::*;
use serde::Deserialize;

use crate::assemble::build;
use crate::entry::{Entry, Split};
use crate::packages::{self, Package};
use crate::raster::rgba_from_svg;
use crate::store::Corpus;

/// Runs in Node.js, beside the installed packages.
const SCRIPT: &str = include_str!("../../avatars.mjs");

const STYLES: [(&str, Package); 4] = [
    ("open peeps avatar", packages::OPEN_PEEPS),
    ("pixel art avatar", packages::PIXEL_ART),
    ("big smile avatar", packages::BIG_SMILE),
    ("personas avatar", packages::PERSONAS),
];

/// What the script says of one avatar.
#[derive(Debug, Deserialize)]
struct Avatar {
    id: String,
    style: String,
    concept: String,
    keywords: Vec<String>,
    held_out: bool,
    svg: String,
}

/// Opens `<cache>/corpus-avatars-<side>.{bin,json}`: the corpus of [`build`] with the group `avatars` behind it.
///
/// Makes it first when it is not there, which needs Node.js.
pub fn build_with_avatars(cache: &Path, side: usize) -> Result<Corpus> {
    let stem = cache.join(format!("corpus-avatars-{side}"));
    if Corpus::exists(&stem) {
        return Corpus::load(&stem);
    }
    let mut corpus = build(cache, side)?;
    corpus.append(rasterised(&avatars(cache)?, side)?)?;
    corpus.save(&stem)?;
    Ok(corpus)
}

fn avatars(cache: &Path) -> Result<Vec<Avatar>> {
    let mut wanted = vec![packages::DICEBEAR];
    wanted.extend(STYLES.iter().map(|(_, package)| *package));
    packages::fetch(cache, &wanted)?;
    // a module finds packages from the folder that it lies in
    let script = packages::npm_folder(cache).join("avatars.mjs");
    fs_err::write(&script, SCRIPT)?;
    let output = Command::new("node")
        .arg(&script)
        .output()
        .context("cannot start `node`")?;
    ensure!(
        output.status.success(),
        "drawing avatars failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("cannot read the avatars that the script drew")
}

fn rasterised(avatars: &[Avatar], side: usize) -> Result<Corpus> {
    let entries = avatars.iter().map(entry).collect::<Result<_>>()?;
    let drawn: Vec<Vec<u8>> = avatars
        .par_iter()
        .map(|avatar| {
            rgba_from_svg(&avatar.svg, side).with_context(|| format!("avatar `{}`", avatar.id))
        })
        .collect::<Result<_>>()?;
    Corpus::new(side, entries, drawn.concat())
}

fn entry(avatar: &Avatar) -> Result<Entry> {
    let known = STYLES.iter().find(|(style, _)| *style == avatar.style);
    let (_, package) = known.with_context(|| format!("unknown avatar style `{}`", avatar.style))?;
    Ok(Entry {
        id: avatar.id.clone(),
        concept: avatar.concept.clone(),
        keywords: avatar.keywords.clone(),
        style: avatar.style.clone(),
        group: "avatars".to_owned(),
        source: package.spec(),
        licence: package.licence.to_owned(),
        split: if avatar.held_out {
            Split::HeldOutPair
        } else {
            Split::Train
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn avatar(style: &str, held_out: bool) -> Avatar {
        let text = format!(
            r#"{{"id":"x/1","style":"{style}","concept":"smiling person","keywords":["portrait"],"held_out":{held_out},
            "svg":"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><rect width='1' height='1'/></svg>"}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn an_avatar_becomes_an_entry_with_the_licence_of_its_package() {
        let corpus = rasterised(
            &[
                avatar("open peeps avatar", false),
                avatar("personas avatar", true),
            ],
            2,
        )
        .unwrap();
        assert_eq!(corpus.rgba(1), [0, 0, 0, 255].repeat(4));
        let licences: Vec<&str> = corpus.entries.iter().map(|e| e.licence.as_str()).collect();
        assert_eq!(licences, ["CC0-1.0", "CC-BY-4.0"]);
        assert_eq!(
            corpus.entries.iter().map(|e| e.split).collect::<Vec<_>>(),
            [Split::Train, Split::HeldOutPair]
        );
    }

    #[test]
    fn a_style_without_a_licence_is_refused() {
        assert!(
            entry(&avatar("mystery", false))
                .unwrap_err()
                .to_string()
                .contains("mystery")
        );
    }

    #[test]
    fn the_script_draws_every_style() {
        for (style, package) in STYLES {
            assert!(SCRIPT.contains(&format!("style: '{style}'")), "{style}");
            assert!(
                SCRIPT.contains(&format!("from '{}'", package.name)),
                "{}",
                package.name
            );
        }
    }
}
