//! The gallery of the model card: uncurated drawings with their prompts, half of pairs that were trained, half of others.

use std::fmt::Write as _;
use std::path::Path;

use atelier_corpus::{COLOURS, Corpus, Split, full_caption};
use atelier_diffusion::stable_diffusion::Pipeline;
use atelier_nn::Engine;
use burn::tensor::Device;

use crate::Pretraining;
use crate::sheet::{GUIDANCE, STEPS, draw_one, grid};

/// Drawings of either half.
const EACH: usize = 100;
/// Drawings of one sheet.
const OF_A_SHEET: usize = 20;
const COLUMNS: usize = 5;

/// Draws both halves into `out`: sheets, and a page that shows them above their prompts.
pub(crate) fn draw(place: &Pretraining, base: &Path, out: &Path) -> anyhow::Result<()> {
    place.check_unseen(base)?;
    fs_err::create_dir_all(out)?;
    let mut pipeline = Pipeline::open(base, &Device::flex(), Engine::Mixed)?;
    let mut page = format!(
        "# Drawings of atelier-mini\n\n\
         None chosen: {STEPS} DDIM steps, guidance {GUIDANCE}, the seed is the drawing's number.\n\
         The prompts go through the pictures of the corpus in even steps, and through the backgrounds in turn.\n"
    );
    let halves = [
        ("Pairs of concept and style that were trained", Split::Train),
        (
            "Pairs of concept and style that were not",
            Split::HeldOutPair,
        ),
    ];
    let mut first = 1;
    for (title, split) in halves {
        let _ = write!(page, "\n## {title}\n");
        let prompts = prompts(&place.drawn_by(base, split)?, EACH);
        for prompts in prompts.chunks(OF_A_SHEET) {
            let file = format!("drawings-{first:03}.png");
            let drawn = prompts.iter().enumerate();
            let drawn = drawn
                .map(|(i, prompt)| draw_one(&mut pipeline, prompt, (first + i) as u64, GUIDANCE));
            let drawn = drawn.collect::<anyhow::Result<Vec<_>>>()?;
            grid(&drawn, COLUMNS, &out.join(&file))?;
            page.push_str(&section(&file, first, prompts));
            first += prompts.len();
        }
    }
    Ok(fs_err::write(out.join("README.md"), page)?)
}

/// A sheet and its prompts, numbered along its rows.
fn section(file: &str, first: usize, prompts: &[String]) -> String {
    let last = first + prompts.len() - 1;
    let mut text = format!("\n![Drawings {first} to {last}]({file})\n\n");
    for (index, prompt) in prompts.iter().enumerate() {
        let _ = writeln!(text, "{}. {prompt}", first + index);
    }
    text
}

/// Captions spread evenly over a corpus, on changing backgrounds.
fn prompts(corpus: &Corpus, count: usize) -> Vec<String> {
    let count = count.min(corpus.entries.len());
    let entry = |i: usize| &corpus.entries[i * corpus.entries.len() / count];
    let prompts = (0..count).map(|i| full_caption(entry(i), Some(COLOURS[i % COLOURS.len()].0)));
    prompts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_numbered_on_from_the_first_of_their_sheet() {
        let text = section(
            "drawings-021.png",
            21,
            &["cat".to_owned(), "dog".to_owned()],
        );
        assert_eq!(
            text,
            "\n![Drawings 21 to 22](drawings-021.png)\n\n21. cat\n22. dog\n"
        );
    }
}
