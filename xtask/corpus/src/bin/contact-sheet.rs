//! Builds the corpus, prints its counts and writes a sheet of random samples with their captions, to be looked at.
#![expect(clippy::print_stdout, reason = "a tool for reading")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use atelier_corpus::{Augment, COLOURS, Corpus, Rng, Split, build, caption, compose};

/// Samples across and down.
const GRID: usize = 10;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [cache, side, out, only @ ..] = arguments.as_slice() else {
        anyhow::bail!("usage: contact-sheet CACHE SIDE OUT.png [STYLE-OR-GROUP]");
    };
    let corpus = build(
        &PathBuf::from(cache),
        side.parse().context("SIDE is a number of pixels")?,
    )?;
    print_counts(&corpus);
    let chosen: Vec<usize> = (0..corpus.entries.len())
        .filter(|&i| {
            only.iter()
                .all(|o| [&corpus.entries[i].style, &corpus.entries[i].group].contains(&o))
        })
        .collect();
    anyhow::ensure!(
        !chosen.is_empty(),
        "no entry has the style or group {only:?}"
    );
    let (side, mut rng) = (corpus.side, Rng::new(1));
    let mut sheet = image::RgbImage::new((side * GRID) as u32, (side * GRID) as u32);
    for cell in 0..GRID * GRID {
        let index = chosen[rng.below(chosen.len())];
        let entry = &corpus.entries[index];
        let (name, colour) = COLOURS[rng.below(COLOURS.len())];
        let augment = Augment::random(side, entry.may_flip(), &mut rng);
        let rgb = compose(corpus.rgba(index), side, colour, Some(&augment));
        let tile = image::RgbImage::from_raw(side as u32, side as u32, rgb)
            .context("wrong picture size")?;
        let (x, y) = ((cell % GRID * side) as u32, (cell / GRID * side) as u32);
        image::imageops::replace(&mut sheet, &tile, x.into(), y.into());
        println!(
            "{},{}: {} | {}",
            cell / GRID,
            cell % GRID,
            entry.id,
            caption(entry, Some(name), &mut rng)
        );
    }
    sheet.save(out)?;
    Ok(())
}

fn print_counts(corpus: &Corpus) {
    let mut table: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for entry in &corpus.entries {
        let (style, group) = (entry.style.as_str(), entry.group.as_str());
        for key in [(style, group), (style, "all"), ("all", group)] {
            let count = table.entry(key).or_default();
            count.0 += 1;
            count.1 += usize::from(entry.split == Split::HeldOutPair);
        }
    }
    for ((style, group), (all, held_out)) in table {
        println!("{style}\t{group}\t{all}\t{held_out} held out");
    }
}
