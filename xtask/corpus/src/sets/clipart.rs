//! Drawings by many hands from the Open Clip Art library, as Debian packages it: title and keywords lie in each file.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use rayon::prelude::*;
use resvg::usvg::roxmltree;

use crate::entry::{Entry, Split};
use crate::raster::{is_visible, rgba_from_drawn_part};
use crate::sets::avatars::build_with_avatars;
use crate::store::Corpus;

/// Debian package and version.
const PACKAGE: &str = "openclipart-svg=1:0.18+dfsg-19";
/// Where the drawings lie inside the package.
const DRAWINGS: &str = "usr/share/openclipart/svg";
/// The words for it in captions.
const STYLE: &str = "clip art";
/// Longer files are maps and tracings of photographs.
const MAX_BYTES: u64 = 300_000;

/// Folders that show things, with their group; symbols, shapes, maps, logos and screen icons stay out.
const FOLDERS: [(&str, &str); 12] = [
    ("animals", "animals"),
    ("buildings", "places"),
    ("containers", "objects"),
    ("education", "objects"),
    ("electronics", "objects"),
    ("food", "food"),
    ("office", "objects"),
    ("people", "people"),
    ("plants", "plants"),
    ("recreation", "activities"),
    ("tools", "objects"),
    ("transportation", "transport"),
];
/// Parts of paths that are sheets, cards, road signs and pieces of a series.
const LEFT_OUT: [&str; 7] = [
    "card", "jigsaw", "puzzle", "aiga", "sign", "chess", "domino",
];

/// Opens `<cache>/corpus-full-<side>.{bin,json}`: [`build_with_avatars`] with the clip art behind it.
///
/// Makes it first when it is not there, which needs Debian's `apt-get` and `dpkg-deb`.
pub fn build_full(cache: &Path, side: usize) -> Result<Corpus> {
    let stem = cache.join(format!("corpus-full-{side}"));
    if Corpus::exists(&stem) {
        return Corpus::load(&stem);
    }
    let mut corpus = build_with_avatars(cache, side)?;
    let folder = fetch(cache)?;
    let vocabulary = vocabulary(&corpus.entries);
    let mut files = Vec::new();
    for (name, group) in FOLDERS {
        let mut found = Vec::new();
        collect(&folder.join(name), &mut found)?;
        found.sort();
        files.extend(found.into_iter().map(|path| (path, group)));
    }
    let drawn: Vec<Option<(Entry, Vec<u8>)>> = files
        .par_iter()
        .map(|(path, group)| sample(&folder, path, group, &vocabulary, side))
        .collect::<Result<_>>()?;
    let mut pictures = HashSet::new();
    let (mut entries, mut pixels) = (Vec::new(), Vec::new());
    for (entry, rgba) in drawn.into_iter().flatten() {
        // many files lie in two folders
        if pictures.insert(rgba.clone()) {
            entries.push(entry);
            pixels.extend(rgba);
        }
    }
    corpus.append(Corpus::new(side, entries, pixels)?)?;
    corpus.save(&stem)?;
    Ok(corpus)
}

/// Downloads and unpacks the package, without installing it; returns the folder of drawings.
fn fetch(cache: &Path) -> Result<PathBuf> {
    let folder = cache.join("debian");
    let unpacked = folder.join("openclipart");
    let drawings = unpacked.join(DRAWINGS);
    if drawings.is_dir() {
        return Ok(drawings);
    }
    fs_err::create_dir_all(&folder)?;
    run(Command::new("apt-get")
        .args(["download", PACKAGE])
        .current_dir(&folder))?;
    let archive = fs_err::read_dir(&folder)?
        .filter_map(|file| Some(file.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("`apt-get download` left no package")?;
    let partial = folder.join("openclipart.partial");
    run(Command::new("dpkg-deb")
        .arg("-x")
        .arg(archive)
        .arg(&partial))?;
    fs_err::rename(partial, unpacked)?;
    Ok(drawings)
}

fn run(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// All SVG files below `folder`, links left out.
fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for file in fs_err::read_dir(folder)? {
        let file = file?;
        let (kind, path) = (file.file_type()?, file.path());
        if kind.is_dir() {
            collect(&path, found)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "svg") {
            found.push(path);
        }
    }
    Ok(())
}

/// The words that the captions of the other styles use.
fn vocabulary(entries: &[Entry]) -> HashSet<String> {
    let texts = entries
        .iter()
        .flat_map(|entry| entry.keywords.iter().chain([&entry.concept]));
    texts
        .flat_map(|text| text.split(|c: char| !c.is_ascii_alphabetic()))
        .map(str::to_owned)
        .collect()
}

/// Draws and captions one file; `None` for what cannot be read, named, licensed or seen.
fn sample(
    folder: &Path,
    path: &Path,
    group: &str,
    vocabulary: &HashSet<String>,
    side: usize,
) -> Result<Option<(Entry, Vec<u8>)>> {
    let name = path
        .strip_prefix(folder)?
        .with_extension("")
        .to_string_lossy()
        .to_lowercase();
    if LEFT_OUT.iter().any(|part| name.contains(part)) || fs_err::metadata(path)?.len() > MAX_BYTES
    {
        return Ok(None);
    }
    let Ok(svg) = String::from_utf8(fs_err::read(path)?) else {
        return Ok(None);
    };
    let Some((concept, keywords)) = words(&svg, vocabulary) else {
        return Ok(None);
    };
    if !agrees(&concept, name.rsplit('/').next().unwrap_or(&name)) {
        return Ok(None);
    }
    let Ok(rgba) = rgba_from_drawn_part(&svg, side) else {
        return Ok(None);
    };
    if !is_visible(&rgba) {
        return Ok(None);
    }
    let entry = Entry {
        id: format!("clip-art/{name}"),
        concept,
        keywords,
        style: STYLE.to_owned(),
        group: group.to_owned(),
        source: PACKAGE.to_owned(),
        licence: "CC-PDDC".to_owned(),
        split: Split::Train,
    };
    Ok(Some((entry, rgba)))
}

/// Whether title and file name share the beginning of a word; many files kept the title of the drawing they started from.
fn agrees(concept: &str, file: &str) -> bool {
    concept
        .split(' ')
        .filter(|word| word.len() > 2)
        .any(|word| file.contains(&word[..word.len().min(4)]))
}

/// Title and keywords of a public-domain drawing whose title speaks the corpus's language.
fn words(svg: &str, vocabulary: &HashSet<String>) -> Option<(String, Vec<String>)> {
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..Default::default()
    };
    let document = roxmltree::Document::parse_with_options(svg, options).ok()?;
    let named = |name: &'static str| {
        document
            .descendants()
            .filter(move |node| node.tag_name().name() == name)
    };
    let metadata = named("metadata").next()?;
    let public_domain = metadata
        .descendants()
        .flat_map(|node| node.attributes())
        .any(|attribute| attribute.value().to_lowercase().contains("publicdomain"));
    let copyleft = metadata
        .descendants()
        .filter_map(|node| node.text())
        .any(|text| text.contains("GPL") || text.contains("GNU"));
    if !public_domain || copyleft {
        return None;
    }
    let concept = plain_title(
        named("title")
            .find(|node| node.ancestors().nth(1) == named("Work").next())?
            .text()?,
    )?;
    if !concept
        .split(' ')
        .filter(|word| word.len() > 2)
        .all(|word| vocabulary.contains(word))
    {
        return None;
    }
    let keywords = metadata
        .descendants()
        .filter(|node| node.tag_name().name() == "li")
        .filter_map(|node| Some(node.text()?.trim().to_lowercase()))
        .filter(|word| vocabulary.contains(word) && !concept.split(' ').any(|part| part == word))
        .collect();
    Some((concept, keywords))
}

/// A title in lower-case letters, without numbers and remarks in brackets; `None` when too little or too much remains.
fn plain_title(title: &str) -> Option<String> {
    let title = title
        .split(['(', '[', '/', '|', ':', ';'])
        .next()?
        .to_lowercase();
    let title = title.rsplit(" - ").next()?;
    let words: Vec<&str> = title
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| {
            !["clipart", "icon", "bw", "colour", "color"].contains(word) && !word.is_empty()
        })
        .collect();
    let plain = words.join(" ");
    (plain.len() > 2 && words.len() <= 5 && plain.is_ascii()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(title: &str, licence: &str) -> String {
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:r="r" xmlns:d="d" xmlns:c="c"><metadata><r:RDF>
            <c:Work r:about=""><d:title>{title}</d:title><d:subject><r:Bag><r:li>Fruit</r:li><r:li>x9</r:li></r:Bag></d:subject>
            <d:publisher><c:Agent><d:title>Library</d:title></c:Agent></d:publisher>
            <c:license r:resource="http://example.org/{licence}"/></c:Work></r:RDF></metadata></svg>"#
        )
    }

    fn known() -> HashSet<String> {
        ["lemon", "wedge", "fruit"].map(str::to_owned).into()
    }

    #[test]
    fn title_and_known_keywords_are_read() {
        let (concept, keywords) =
            words(&document("Lemon 2 (Wedge)", "PublicDomain"), &known()).unwrap();
        assert_eq!(
            (concept.as_str(), keywords),
            ("lemon", vec!["fruit".to_owned()])
        );
    }

    #[test]
    fn foreign_titles_and_other_licences_stay_out() {
        assert_eq!(words(&document("Citron", "PublicDomain"), &known()), None);
        assert_eq!(words(&document("Lemon", "by-sa"), &known()), None);
    }

    #[test]
    fn a_title_left_over_from_another_drawing_is_noticed() {
        assert!(agrees("apple pie", "pie_apple"));
        assert!(!agrees("pear", "banana"));
    }

    #[test]
    fn titles_lose_numbers_remarks_and_authors() {
        assert_eq!(
            plain_title("Clipart by Nicu - Bell 01").as_deref(),
            Some("bell")
        );
        assert_eq!(plain_title("Tree icon").as_deref(), Some("tree"));
        assert_eq!(plain_title("01"), None);
    }
}
