//! What becomes of captions that are changed without being written anew.

use atelier_data::caption::with_trigger;

use super::caption::{MAX_CAPTION_CHARS, beginning, checked_caption, is_longer, too_long};
use crate::about::About;
use crate::error::{Error, Result};

/// A change that any caption can go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptionEdit {
    /// Other words altogether.
    Set(String),
    /// Words in front, before a comma.
    Prepend(String),
    /// Words behind, after a comma.
    Append(String),
    /// Takes out every part between commas that is this.
    Remove(String),
    /// Puts `new` in the place of `old`, wherever that stands.
    Replace {
        /// What goes.
        old: String,
        /// What comes.
        new: String,
    },
    /// The dataset's trigger word, where the caption lacks it, in the place that its category gives it.
    AddTrigger,
}

impl CaptionEdit {
    /// Whether it can be used, before it meets any caption: no caption has room for words that are longer than one.
    pub(super) fn check(&self) -> Result<()> {
        let texts: &[&String] = match self {
            Self::Set(text) | Self::Prepend(text) | Self::Append(text) | Self::Remove(text) => {
                &[text]
            }
            Self::Replace { old, new } => &[old, new],
            Self::AddTrigger => &[],
        };
        let long = texts.iter().find(|text| is_longer(text, MAX_CAPTION_CHARS));
        long.map_or(Ok(()), |text| {
            Err(Error::invalid("text", beginning(text), too_long()))
        })
    }

    /// What a caption becomes, in a dataset like this.
    ///
    /// # Errors
    /// When it would be too long. That is known before it is made.
    pub(super) fn applied(&self, caption: &str, about: &About) -> Result<String> {
        checked_caption(&match self {
            Self::Set(text) => text.clone(),
            Self::Prepend(text) => joined(text, caption),
            Self::Append(text) => joined(caption, text),
            Self::Remove(text) => {
                let parts = caption.split(',').map(str::trim);
                let kept = parts.filter(|part| !part.is_empty() && *part != text.trim());
                kept.collect::<Vec<_>>().join(", ")
            }
            Self::Replace { old, .. } if old.is_empty() => caption.to_owned(),
            Self::Replace { old, new } => replaced(caption, old, new)?,
            Self::AddTrigger => with_trigger(about.category, &about.trigger_word, caption),
        })
    }
}

fn replaced(caption: &str, old: &str, new: &str) -> Result<String> {
    let [chars, old_chars, new_chars] = [caption, old, new].map(|text| text.chars().count());
    let matches = caption.matches(old).count();
    let after = (chars - matches * old_chars).saturating_add(matches.saturating_mul(new_chars));
    if after > MAX_CAPTION_CHARS {
        let problem = format!("with the other words {}", too_long());
        return Err(Error::invalid("caption", beginning(caption), problem));
    }
    Ok(caption.replace(old, new))
}

fn joined(front: &str, back: &str) -> String {
    let parts = [front, back].map(|part| part.trim().trim_matches(',').trim());
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_are_changed_in_every_way() {
        let text = str::to_owned;
        let replace = |old: &str, new: &str| CaptionEdit::Replace {
            old: text(old),
            new: text(new),
        };
        let about = &About {
            trigger_word: text("BlobV1"),
            ..About::default()
        };
        let caption = "red cat, on a mat";
        for (edit, expected) in [
            (CaptionEdit::Set(text("a dog")), "a dog"),
            (CaptionEdit::Prepend(text("a,")), "a, red cat, on a mat"),
            (
                CaptionEdit::Append(text(", at night,")),
                "red cat, on a mat, at night",
            ),
            (CaptionEdit::Remove(text("red cat ")), "on a mat"),
            (CaptionEdit::Remove(text("red")), caption),
            (replace("cat", "dog"), "red dog, on a mat"),
            (replace("", "dog"), caption),
            (CaptionEdit::AddTrigger, "BlobV1, red cat, on a mat"),
        ] {
            assert_eq!(edit.applied(caption, about).unwrap(), expected, "{edit:?}");
        }
        let applied = |edit: CaptionEdit, caption| edit.applied(caption, about).unwrap();
        assert_eq!(applied(CaptionEdit::AddTrigger, "blobv1"), "blobv1");
        assert_eq!(applied(CaptionEdit::Prepend(text("a")), ""), "a");
        assert_eq!(applied(CaptionEdit::Remove(text("a")), "a,, a ,"), "");
    }

    #[test]
    fn what_would_be_too_long_is_refused_before_it_is_made() {
        let replace = |old: &str, new: String| CaptionEdit::Replace {
            old: old.to_owned(),
            new,
        };
        let about = About::default();
        let longest = "a".repeat(MAX_CAPTION_CHARS);
        // 100 MB where it is made first, 80 GB with eight million letters.
        let error = replace("a", "b".repeat(10_000)).applied(&longest, &about);
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("more than 10000") && error.len() < 200,
            "{error}"
        );
        let same = replace("a", "é".to_owned()).applied(&longest, &about);
        assert_eq!(same.unwrap(), "é".repeat(MAX_CAPTION_CHARS));
        let long = "é".repeat(MAX_CAPTION_CHARS + 1);
        for edit in [
            CaptionEdit::Set(long.clone()),
            CaptionEdit::Prepend(long.clone()),
            CaptionEdit::Append(long.clone()),
            CaptionEdit::Remove(long.clone()),
            replace(&long, String::new()),
            replace("a", long.clone()),
        ] {
            let error = edit.check().unwrap_err().to_string();
            assert!(error.starts_with("text `ééé"), "{error}");
        }
        assert!(CaptionEdit::Set(longest).check().is_ok());
    }
}
