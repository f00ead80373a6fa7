//! Builds the corpus: fetch the packages, find each concept in each style, draw, caption, save.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rayon::prelude::*;

use crate::concepts::{self, Concept};
use crate::entry::{Entry, Split};
use crate::packages::{self, Package};
use crate::raster::{is_visible, rgba_from_svg, rgba_from_webp};
use crate::sets::fxemoji;
use crate::sets::iconify::{IconSet, names_by_code};
use crate::split;
use crate::store::Corpus;

/// A style of the corpus: a set of pictures by one hand.
#[derive(Debug, Clone, Copy)]
pub struct StyleSet {
    /// First part of the entries' ids.
    pub slug: &'static str,
    /// The words for it in captions.
    pub style: &'static str,
    package: Package,
    layout: Layout,
}

/// How a package names its pictures.
#[derive(Debug, Clone, Copy)]
enum Layout {
    /// An icon set, with the table of code points that lies in the given package.
    Icons(Package),
    /// An icon set with names of its own.
    FxEmoji,
    /// WebP files named by code point.
    WebpFiles,
}

const STYLES: [StyleSet; 6] = [
    style(
        "noto",
        "noto emoji",
        packages::NOTO,
        Layout::Icons(packages::NOTO),
    ),
    style(
        "fluent-flat",
        "fluent flat",
        packages::FLUENT_FLAT,
        Layout::Icons(packages::FLUENT_FLAT),
    ),
    // the gradient set has the flat set's names and no table of its own
    style(
        "fluent-gradient",
        "fluent gradient",
        packages::FLUENT_GRADIENT,
        Layout::Icons(packages::FLUENT_FLAT),
    ),
    style(
        "fluent-3d",
        "fluent 3d render",
        packages::FLUENT_3D,
        Layout::WebpFiles,
    ),
    style(
        "twemoji",
        "twemoji",
        packages::TWEMOJI,
        Layout::Icons(packages::TWEMOJI),
    ),
    style("fxemoji", "fxemoji", packages::FXEMOJI, Layout::FxEmoji),
];

const fn style(
    slug: &'static str,
    style: &'static str,
    package: Package,
    layout: Layout,
) -> StyleSet {
    StyleSet {
        slug,
        style,
        package,
        layout,
    }
}

/// The emoji styles of the corpus.
pub fn styles() -> &'static [StyleSet] {
    &STYLES
}

/// A picture before it is drawn.
enum Drawing {
    Svg(String),
    Webp(PathBuf),
}

/// Opens `<cache>/corpus-<side>.{bin,json}`; makes it first when it is not there, or when its words or pictures come from other
/// packages than are pinned.
///
/// Making it fetches the pinned packages into `<cache>/npm` with the npm client and draws every picture.
pub fn build(cache: &Path, side: usize) -> Result<Corpus> {
    if let Some(mut corpus) = Corpus::load(&stem(cache, side), has_pinned_sources)? {
        // What a folder of an earlier version kept apart is of no account.
        split::assign(&mut corpus.entries);
        return Ok(corpus);
    }
    let mut wanted: Vec<Package> = STYLES.iter().map(|style| style.package).collect();
    wanted.push(packages::EMOJIBASE);
    packages::fetch(cache, &wanted)?;
    let concepts = concepts::load(cache)?;
    let (mut entries, mut pixels) = (Vec::new(), Vec::new());
    for style in &STYLES {
        let drawings = style
            .drawings(cache, &concepts)
            .with_context(|| format!("cannot read style `{}`", style.style))?;
        let drawn: Vec<Option<Vec<u8>>> = drawings
            .par_iter()
            .map(|(_, drawing)| drawing.rgba(side))
            .collect::<Result<_>>()?;
        for ((index, _), rgba) in drawings.iter().zip(drawn) {
            let Some(rgba) = rgba else { continue };
            entries.push(style.entry(&concepts[*index]));
            pixels.extend(rgba);
        }
    }
    split::assign(&mut entries);
    let corpus = Corpus::new(side, entries, pixels)?;
    save_in(cache, &corpus)?;
    Ok(corpus)
}

/// Writes a corpus into the folder `cache`, which must exist. [`build`] takes it when its entries come from the pinned packages,
/// and decides anew which pairs are held out.
pub fn save_in(cache: &Path, corpus: &Corpus) -> Result<()> {
    corpus.save(&stem(cache, corpus.side), &packages::EMOJIBASE.spec())
}

/// The path of a corpus without what its two files end with.
fn stem(cache: &Path, side: usize) -> PathBuf {
    cache.join(format!("corpus-{side}"))
}

/// Whether names and keywords come from the pinned package, and entries are those of every style, each from the package that
/// is pinned for it.
fn has_pinned_sources(words: &str, entries: &[Entry]) -> bool {
    let found = entries
        .iter()
        .map(|entry| (entry.style.clone(), entry.source.clone()));
    let pinned = styles()
        .iter()
        .map(|style| (style.style.to_owned(), style.source()));
    let (found, pinned): (BTreeSet<_>, BTreeSet<_>) = (found.collect(), pinned.collect());
    words == packages::EMOJIBASE.spec() && found == pinned
}

impl StyleSet {
    /// The package that its pictures come from, with the pinned version.
    pub fn source(&self) -> String {
        self.package.spec()
    }

    /// The drawing of each concept that this style has, in the order of the concepts.
    fn drawings(&self, cache: &Path, concepts: &[Concept]) -> Result<Vec<(usize, Drawing)>> {
        let numbered = concepts.iter().enumerate();
        Ok(match self.layout {
            Layout::Icons(table) => {
                let (set, names) = (
                    IconSet::load(cache, self.package)?,
                    names_by_code(cache, table)?,
                );
                numbered
                    .filter_map(|(i, c)| Some((i, Drawing::Svg(set.svg(names.get(&c.code)?)?))))
                    .collect()
            }
            Layout::FxEmoji => {
                let set = IconSet::load(cache, self.package)?;
                let joined = fxemoji::join(concepts, &set.names());
                joined
                    .into_iter()
                    .filter_map(|(i, name)| Some((i, Drawing::Svg(set.svg(name)?))))
                    .collect()
            }
            Layout::WebpFiles => {
                let mut paths = Vec::new();
                for file in fs_err::read_dir(self.package.folder(cache).join("assets"))? {
                    paths.push(file?.path());
                }
                let mut files = by_code(paths);
                numbered
                    .filter_map(|(i, c)| Some((i, Drawing::Webp(files.remove(&c.code)?))))
                    .collect()
            }
        })
    }

    fn entry(&self, concept: &Concept) -> Entry {
        Entry {
            id: format!("{}/{}", self.slug, concept.code),
            concept: concept.name.clone(),
            keywords: concept.keywords.clone(),
            style: self.style.to_owned(),
            group: concept.group.to_owned(),
            source: self.source(),
            licence: self.package.licence.to_owned(),
            split: Split::Train,
        }
    }
}

/// One file for each plain code point: the one that is named by it, else the first by name. Which one the disk lists first
/// is of no account.
fn by_code(paths: Vec<PathBuf>) -> HashMap<String, PathBuf> {
    let mut named = Vec::new();
    for path in paths {
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else {
            continue;
        };
        let code = concepts::plain_code(stem);
        let is_variant = stem != code;
        named.push((code, is_variant, path));
    }
    named.sort_unstable();
    let mut files = HashMap::new();
    for (code, _, path) in named {
        files.entry(code).or_insert(path);
    }
    files
}

impl Drawing {
    /// Draws it; `None` when nothing of it is visible.
    fn rgba(&self, side: usize) -> Result<Option<Vec<u8>>> {
        let rgba = match self {
            Self::Svg(svg) => rgba_from_svg(svg, side)?,
            Self::Webp(path) => rgba_from_webp(&fs_err::read(path)?, side)
                .with_context(|| format!("picture `{}`", path.display()))?,
        };
        Ok(is_visible(&rgba).then_some(rgba))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caption::tests::entry;

    #[test]
    fn a_kept_corpus_counts_only_with_the_pinned_package_of_every_style() {
        let of = |style: &StyleSet| Entry {
            style: style.style.to_owned(),
            source: style.source(),
            ..entry("grinning face")
        };
        let words = packages::EMOJIBASE.spec();
        let mut entries: Vec<_> = styles().iter().chain(styles()).map(of).collect();
        assert!(has_pinned_sources(&words, &entries));
        for other in ["emojibase-data@0.0.1", ""] {
            assert!(!has_pinned_sources(other, &entries), "words of `{other}`");
        }
        entries[3].source = "@iconify-json/noto@0.0.1".to_owned();
        assert!(
            !has_pinned_sources(&words, &entries),
            "one picture of an earlier version"
        );
        let missing: Vec<_> = styles()[1..].iter().map(of).collect();
        assert!(!has_pinned_sources(&words, &missing), "a style is lacking");
        assert!(!has_pinned_sources(&words, &[]));
    }

    #[test]
    fn of_two_files_with_one_code_the_plainly_named_wins_in_any_order() {
        let names = [
            "26a7-fe0f.webp",
            "26a7.webp",
            "1F441-FE0F-200D-1F5E8.webp",
            "1f441-fe0f-200d-1f5e8-fe0f.webp",
        ];
        let paths = names.map(PathBuf::from).to_vec();
        let backwards = paths.iter().rev().cloned().collect();
        for files in [by_code(paths), by_code(backwards)] {
            assert_eq!(files.len(), 2);
            assert_eq!(files["26a7"], Path::new("26a7.webp"));
            assert_eq!(
                files["1f441-200d-1f5e8"],
                Path::new("1F441-FE0F-200D-1F5E8.webp")
            );
        }
    }
}
