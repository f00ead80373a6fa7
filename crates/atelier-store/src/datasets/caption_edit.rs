//! What becomes of captions that are changed without being written anew.

use atelier_data::caption::with_trigger;

use crate::about::About;

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
    /// What the caption becomes, in a dataset like this.
    pub fn applied(&self, caption: &str, about: &About) -> String {
        match self {
            Self::Set(text) => text.clone(),
            Self::Prepend(text) => joined(text, caption),
            Self::Append(text) => joined(caption, text),
            Self::Remove(text) => {
                let parts = caption.split(',').map(str::trim);
                let kept = parts.filter(|part| !part.is_empty() && *part != text.trim());
                kept.collect::<Vec<_>>().join(", ")
            }
            Self::Replace { old, .. } if old.is_empty() => caption.to_owned(),
            Self::Replace { old, new } => caption.replace(old.as_str(), new),
            Self::AddTrigger => with_trigger(about.category, &about.trigger_word, caption),
        }
    }
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
            assert_eq!(edit.applied(caption, about), expected, "{edit:?}");
        }
        assert_eq!(CaptionEdit::AddTrigger.applied("blobv1", about), "blobv1");
        assert_eq!(CaptionEdit::Prepend(text("a")).applied("", about), "a");
        assert_eq!(CaptionEdit::Remove(text("a")).applied("a,, a ,", about), "");
    }
}
