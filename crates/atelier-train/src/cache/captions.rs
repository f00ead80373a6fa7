//! The words that each picture is trained on: its caption with the trigger word, where the text encoders read that.

use atelier_core::TrainConfig;
use atelier_data::FolderDataset;
use atelier_data::caption::{contains_word, with_trigger};
use atelier_diffusion::prompt::{CHUNK_TOKENS, Prompt};
use atelier_diffusion::stable_diffusion::Base;
use atelier_diffusion::tokenizer::Tokenizer;

/// As much as is shown of the words that are not learned.
const SHOWN_CHARS: usize = 120;

/// The captions of a dataset as they are trained on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Captions {
    /// One for each picture.
    pub(crate) texts: Vec<String>,
    /// What is worth telling about them.
    pub(crate) note: Option<String>,
}

/// What is worth telling about the captions of a training before it begins, each after the name of its picture: those whose ends
/// no text encoder reads.
pub fn caption_note<'a>(
    base: &Base,
    config: &TrainConfig,
    rows: impl Iterator<Item = (&'a str, &'a str)>,
) -> Option<String> {
    Captions::with(&tokenizers(base), rows, config).note
}

fn tokenizers(base: &Base) -> Vec<&Tokenizer> {
    base.texts.iter().map(|side| &side.tokenizer).collect()
}

/// The captions that the text encoders do not read to their ends.
#[derive(Default)]
struct Cut<'a> {
    count: usize,
    /// The file of the first, and its words that are not learned.
    first: Option<(&'a str, String)>,
    /// Of how many the trigger word was put in front, since it stood behind the end.
    moved: usize,
}

impl Captions {
    /// Those of a dataset. The trigger word is put in front of a caption that lacks it, or that has it where no text encoder
    /// reads it.
    pub(crate) fn of(base: &Base, dataset: &FolderDataset, config: &TrainConfig) -> Self {
        let rows = dataset.samples.iter().map(|sample| {
            let name = sample.path.file_name().and_then(|name| name.to_str());
            (name.unwrap_or("a picture"), sample.caption.as_str())
        });
        Self::with(&tokenizers(base), rows, config)
    }

    fn with<'a>(
        tokenizers: &[&Tokenizer],
        rows: impl Iterator<Item = (&'a str, &'a str)>,
        config: &TrainConfig,
    ) -> Self {
        let (category, trigger) = (config.category, config.trigger.trim());
        let mut cut = Cut::default();
        let texts = rows.map(|(name, caption)| {
            let mut text = with_trigger(category, trigger, caption);
            if rest_of(tokenizers, &text).is_none() {
                return text;
            }
            if !tokenizers.iter().all(|one| is_read(one, &text, trigger)) {
                text = category.caption(trigger, caption);
                cut.moved += 1;
            }
            cut.count += 1;
            if cut.first.is_none() {
                cut.first = rest_of(tokenizers, &text).map(|rest| (name, rest));
            }
            text
        });
        let texts = texts.collect();
        Self {
            texts,
            note: cut.note(),
        }
    }
}

impl Cut<'_> {
    fn note(&self) -> Option<String> {
        let (name, rest) = self.first.as_ref()?;
        let whose = match self.count {
            1 => format!("the caption of `{name}` is"),
            count => format!("{count} captions, the first that of `{name}`, are"),
        };
        let moved = match self.moved {
            0 => String::new(),
            moved => format!("; of {moved} the trigger word stood there, and was put in front"),
        };
        let mut letters = rest.chars();
        let shown: String = letters.by_ref().take(SHOWN_CHARS).collect();
        let more = if letters.next().is_some() { " …" } else { "" };
        Some(format!(
            "{whose} longer than the {CHUNK_TOKENS} tokens that a text encoder reads, and the rest is not learned{moved}; of \
             `{name}` these words: {shown}{more}"
        ))
    }
}

/// The words of a text that some text encoder does not read; `None` when all read all of it.
fn rest_of(tokenizers: &[&Tokenizer], text: &str) -> Option<String> {
    let prompt = Prompt::plain(text);
    let mut tokenizers = tokenizers.iter();
    tokenizers.find_map(|tokenizer| prompt.chunks(tokenizer).cut)
}

/// Whether the trigger word is among the tokens of a text that are read. One of which no token is left cannot be.
fn is_read(tokenizer: &Tokenizer, text: &str, trigger: &str) -> bool {
    let trigger = tokenizer.decode(&tokenizer.encode(trigger));
    let ids = tokenizer.encode(text);
    let read = tokenizer.decode(&ids[..ids.len().min(CHUNK_TOKENS)]);
    trigger.is_empty() || contains_word(&read, &trigger)
}

#[cfg(test)]
mod tests {
    use atelier_core::Category;
    use atelier_diffusion::tokenizer::ClipPadding;

    use super::*;

    fn captions(rows: &[(&str, &str)], trigger: &str) -> Captions {
        let config = TrainConfig {
            category: Category::Character,
            trigger: trigger.to_owned(),
            ..TrainConfig::default()
        };
        let tokenizer = Tokenizer::clip(ClipPadding::EndOfText);
        Captions::with(&[&tokenizer, &tokenizer], rows.iter().copied(), &config)
    }

    #[test]
    fn a_trigger_word_behind_the_end_is_put_in_front_and_what_is_cut_is_told() {
        let long = "word ".repeat(75);
        let late = format!("{long}of BlobCharV1, smiling");
        let early = format!("BlobCharV1, {long}");
        let rows = [
            ("a.png", "a BlobCharV1 face"),
            ("b.png", late.as_str()),
            ("c.png", early.as_str()),
        ];
        let captions = captions(&rows, "BlobCharV1");
        assert_eq!(captions.texts[0], "a BlobCharV1 face");
        assert_eq!(captions.texts[1], format!("BlobCharV1, {late}"));
        assert_eq!(captions.texts[2], early.trim());
        let note = captions.note.unwrap();
        for part in [
            "2 captions, the first that of `b.png`, are longer than the 75 tokens",
            "of 1 the trigger word stood there, and was put in front",
            "of `b.png` these words: word",
        ] {
            assert!(note.contains(part), "no `{part}` in {note}");
        }
    }

    #[test]
    fn a_part_of_another_word_and_half_of_the_trigger_word_are_not_the_trigger_word() {
        let long = "word ".repeat(73);
        for caption in [
            format!("concatenate {long} and a cat"),
            // The word begins with the last token that is read.
            format!("{long}, catalogueria"),
        ] {
            let trigger = if caption.ends_with("cat") {
                "cat"
            } else {
                "catalogueria"
            };
            let captions = captions(&[("a.png", &caption)], trigger);
            assert_eq!(captions.texts, [format!("{trigger}, {caption}")]);
            assert!(
                captions
                    .note
                    .unwrap()
                    .contains("the caption of `a.png` is longer")
            );
        }
    }

    #[test]
    fn captions_that_are_read_whole_are_as_they_were() {
        let just = format!("{}BlobCharV1", "word ".repeat(65));
        let whole = captions(&[("a.png", &just), ("b.png", "")], "BlobCharV1");
        assert_eq!(whole.texts, [just.as_str(), "BlobCharV1"]);
        assert_eq!(whole.note, None);
        let long = "word ".repeat(400);
        let without = captions(&[("a.png", &long)], "");
        assert_eq!(without.texts, [long.trim()]);
        let note = without.note.unwrap();
        assert!(!note.contains("trigger") && note.ends_with(" …"), "{note}");
        assert!(note.len() < 400, "{note}");
    }
}
