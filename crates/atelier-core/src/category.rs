//! What a dataset teaches.

use serde::{Deserialize, Serialize};

use crate::closed_choice;

/// What the pictures of a dataset have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// One person or creature in varied surroundings.
    #[default]
    Character,
    /// One aesthetic over varied content.
    Style,
    /// One thing, such as a product.
    Object,
}

closed_choice!(Category, "category", { Character => "character", Style => "style", Object => "object" });

impl Category {
    /// What captions and prompts call what is trained on: the trigger word, for a style with that noun, unless the word
    /// holds it already.
    pub fn call(self, trigger: &str) -> String {
        let trigger = trigger.trim();
        match self {
            Self::Style if !trigger.is_empty() && !trigger.to_lowercase().contains("style") => {
                format!("{trigger} style")
            }
            _ => trigger.to_owned(),
        }
    }

    /// What is trained on: what the category [calls](Self::call) the training, then the caption. In front, since the end of
    /// a long caption does not reach the text encoder.
    pub fn caption(self, trigger: &str, caption: &str) -> String {
        let (called, caption) = (self.call(trigger), caption.trim());
        if called.is_empty() || caption.is_empty() {
            format!("{called}{caption}")
        } else {
            format!("{called}, {caption}")
        }
    }

    /// What a finished training is looked at with; `W` stands for what it is [called](Self::call). They ask for
    /// what the pictures need not show: other places, other content, other angles.
    pub fn preview_templates(self) -> &'static [&'static str] {
        match self {
            Self::Character => &[
                "a portrait of W",
                "W standing in a forest",
                "W in a city street at night",
                "W smiling, on a white background",
                "W sitting at a table",
                "W seen from the side",
            ],
            Self::Style => &[
                "W, a castle",
                "W, a portrait of a woman",
                "W, a cat",
                "W, a bowl of fruit",
                "W, a mountain landscape",
                "W, a car",
            ],
            Self::Object => &[
                "W on a white background",
                "W on a wooden table",
                "W on a beach at sunset",
                "a close-up of W",
                "W seen from above",
                "W in the snow",
            ],
        }
    }

    /// The prompts of [`Self::preview_templates`] with a trigger word.
    pub fn preview_prompts(self, trigger: &str) -> Vec<String> {
        let called = self.call(trigger);
        let templates = self.preview_templates().iter();
        templates
            .map(|template| template.replace('W', &called))
            .collect()
    }

    /// Words for what such a dataset shows. A trigger word that is one of them would mean every such thing.
    pub fn class_nouns(self) -> &'static [&'static str] {
        match self {
            Self::Character => &[
                "person",
                "man",
                "woman",
                "boy",
                "girl",
                "child",
                "character",
                "creature",
                "animal",
                "face",
            ],
            Self::Style => &["style", "art", "aesthetic", "painting", "drawing", "photo"],
            Self::Object => &["object", "thing", "item", "product", "toy"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_name_the_trigger_word_once_and_no_other_capital_w() {
        for category in Category::ALL {
            for template in category.preview_templates() {
                assert_eq!(template.matches('W').count(), 1, "{template}");
            }
        }
    }

    #[test]
    fn a_style_is_called_a_style_once() {
        assert_eq!(
            Category::Style.preview_prompts("InkLineV1")[0],
            "InkLineV1 style, a castle"
        );
        for (category, trigger, caption, expected) in [
            (
                Category::Style,
                " InkLineV1",
                "a cat ",
                "InkLineV1 style, a cat",
            ),
            (Category::Style, "AEXStyle", "a cat", "AEXStyle, a cat"),
            (Category::Style, "", "a cat", "a cat"),
            (Category::Style, "Ink", "", "Ink style"),
            (
                Category::Character,
                "BlobCharV1",
                "waving",
                "BlobCharV1, waving",
            ),
        ] {
            assert_eq!(category.caption(trigger, caption), expected);
        }
    }
}
