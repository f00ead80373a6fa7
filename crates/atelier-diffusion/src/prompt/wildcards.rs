//! `{a|b|c}`: one of several texts per picture.

use atelier_core::Seed;

use super::error::{PromptError, Result, excerpt};

/// Puts one option in the place of each choice in braces.
///
/// Which one follows from the seed of the picture and from how many choices open before it in the text, those in other
/// options included; so that it stays when words around it change, and the n-th choices of a prompt and of its negative prompt
/// agree. Choices may hold choices. Braces without a bar are text, as they are for the web interface, and so is a brace behind
/// a backslash, which is kept for [`Prompt::read`](super::Prompt::read). What comes out has no choice left: it may be
/// expanded again without a change.
pub fn expand(text: &str, seed: Seed) -> Result<String> {
    let choices = choices(text)?;
    let mut out = String::with_capacity(text.len());
    let mut left = choices.iter().enumerate();
    let mut next = left.next();
    // Where the options that are being copied end, and where the text goes on behind their choice.
    let mut ends: Vec<(usize, usize)> = Vec::new();
    let mut place = 0;
    loop {
        let end = ends.last().map_or(text.len(), |(end, _)| *end);
        // Choices inside options that were left out.
        while next.is_some_and(|(_, choice)| choice.start < place) {
            next = left.next();
        }
        if let Some((index, choice)) = next.filter(|(_, choice)| choice.start < end) {
            out.push_str(&text[place..choice.start]);
            let picked = pick(seed, index as u64, choice.bars.len() + 1);
            let start = picked
                .checked_sub(1)
                .map_or(choice.start, |bar| choice.bars[bar]);
            let option_end = choice.bars.get(picked).copied().unwrap_or(choice.end);
            ends.push((option_end, choice.end + 1));
            place = start + 1;
        } else {
            out.push_str(&text[place..end]);
            let Some((_, behind)) = ends.pop() else {
                return Ok(out);
            };
            place = behind;
        }
    }
}

/// A whole number below `count`, evenly spread.
///
/// # Source
/// `SplitMix64` (Steele, Lea and Flood 2014) started at the seed, its output number `index`, scaled by its upper bits.
fn pick(seed: Seed, index: u64, count: usize) -> usize {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut mixed = seed
        .0
        .wrapping_add(STEP.wrapping_mul(index.wrapping_add(1)));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    ((u128::from(mixed) * count as u128) >> 64) as usize
}

/// A pair of braces with bars directly in it.
struct Choice {
    /// Where its opening brace stands.
    start: usize,
    /// Where its bars stand.
    bars: Vec<usize>,
    /// Where its closing brace stands.
    end: usize,
    /// Square brackets that are open directly in it.
    squares: usize,
}

/// The choices of a text, by where they open.
fn choices(text: &str) -> Result<Vec<Choice>> {
    let (mut open, mut closed): (Vec<Choice>, Vec<Choice>) = (Vec::new(), Vec::new());
    let mut letters = text.char_indices();
    while let Some((place, letter)) = letters.next() {
        match (letter, open.last_mut()) {
            ('\\', _) => drop(letters.next()),
            ('{', _) => open.push(Choice {
                start: place,
                bars: Vec::new(),
                end: place,
                squares: 0,
            }),
            ('[', Some(top)) => top.squares += 1,
            (']', Some(top)) => top.squares = top.squares.saturating_sub(1),
            ('|', Some(top)) if top.squares > 0 => {
                let text = excerpt(&text[top.start..]);
                let problem = "a bar inside square brackets alternates between prompts while drawing; \
                               write \\[ for a literal bracket";
                return Err(PromptError::UnsupportedChoice { text, problem });
            }
            ('|', Some(top)) => top.bars.push(place),
            ('}', Some(_)) => closed.extend(open.pop().map(|top| Choice { end: place, ..top })),
            _ => {}
        }
    }
    if let Some(choice) = open.iter().find(|choice| !choice.bars.is_empty()) {
        let text = excerpt(&text[choice.start..]);
        return Err(PromptError::OpenChoice { text });
    }
    closed.retain(|choice| !choice.bars.is_empty());
    closed.sort_unstable_by_key(|choice| choice.start);
    closed
        .iter()
        .try_for_each(|choice| refuse_extensions(text, choice))?;
    Ok(closed)
}

/// Forms of other programs: how many options to take, and how likely each is.
fn refuse_extensions(text: &str, choice: &Choice) -> Result<()> {
    let unsupported = |problem| {
        let text = excerpt(&text[choice.start..=choice.end]);
        Err(PromptError::UnsupportedChoice { text, problem })
    };
    let starts = [choice.start]
        .into_iter()
        .chain(choice.bars.iter().copied());
    let ends = choice.bars.iter().copied().chain([choice.end]);
    for (start, end) in starts.zip(ends) {
        let number = text[start + 1..end].trim_start();
        let behind =
            number.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
        if start == choice.start && behind.starts_with("$$") {
            return unsupported("`$$` takes several options, write a choice for each");
        }
        if behind.len() < number.len() && behind.starts_with("::") {
            return unsupported("`::` makes an option more likely, repeat the option in its place");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn expanded(text: &str, seed: u64) -> String {
        expand(text, Seed(seed)).unwrap()
    }

    #[test]
    fn every_option_is_picked_about_equally_often() {
        let mut counts = BTreeMap::new();
        for seed in 0..3000 {
            *counts
                .entry(expanded("a {red|green|} hat", seed))
                .or_insert(0) += 1;
        }
        let keys: Vec<_> = counts.keys().map(String::as_str).collect();
        assert_eq!(keys, ["a  hat", "a green hat", "a red hat"]);
        assert!(
            counts.values().all(|count| (900..1100).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn a_seed_means_the_same_options_for_ever() {
        let text = "{a|b|c|d} {a|b|c|d} {a|b|c|d} {a|b|c|d}";
        let found: Vec<_> = (0..4).map(|seed| expanded(text, seed)).collect();
        assert_eq!(found, PINNED);
        assert_eq!(expanded("{a|b}", u64::MAX), expanded("{a|b}", u64::MAX));
    }

    /// From `SplitMix64` written in Python.
    const PINNED: [&str; 4] = ["d b a d", "c c d b", "c c c d", "a c c a"];

    #[test]
    fn the_place_among_the_choices_counts_and_not_the_words() {
        for seed in 0..50 {
            let end = |text: &str| expanded(text, seed).chars().next_back();
            assert_eq!(end("{x|y} {a|b|c}"), end("longer {words|here} {a|b|c}"));
            assert_eq!(end("{x|y} {a|b|c}"), end("{x {literal}|y} {a|b|c}"));
        }
    }

    #[test]
    fn choices_nest_to_any_depth() {
        for seed in 0..50 {
            let text = expanded("{a {1|2}|b {3|{4|5}}}!", seed);
            assert!(
                ["a 1!", "a 2!", "b 3!", "b 4!", "b 5!"].contains(&text.as_str()),
                "{text}"
            );
        }
        let deep = format!("{}x{}", "{a|".repeat(10_000), "}".repeat(10_000));
        assert!(["a", "x"].contains(&expanded(&deep, 1).as_str()));
    }

    #[test]
    fn braces_without_bars_and_escaped_ones_stay() {
        for text in [
            "{a}", "{{a}}", "{", "}", "a | b", r"\{a|b\}", ":}", "{a {b", r"{a\|b}", "x}{y",
        ] {
            assert_eq!(expanded(text, 3), text);
        }
        assert!([r"\{x", r"\|"].contains(&expanded(r"{\{x|\|}", 0).as_str()));
        assert!(["{ é }", "{ b }"].contains(&expanded("{ {é|b} }", 0).as_str()));
    }

    #[test]
    fn unsupported_and_open_choices_are_named() {
        let message = |text: &str| expand(text, Seed(0)).unwrap_err().to_string();
        assert!(
            message("x {2$$a|b}").starts_with("`{2$$a|b}` is not supported: `$$` takes several")
        );
        assert!(message("{1-2$$, $$a|b}").contains("`$$` takes several"));
        assert!(message("{a|0.5::b}").contains("`::` makes an option more likely"));
        assert!(message("x {a|{b}").starts_with("`{a|{b}` opens a choice that no `}` closes"));
        assert!(message("{x [a|b]|c}").contains("alternates"));
    }
}
