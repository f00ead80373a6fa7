//! What is missing of a folder's captions, so that nobody trains on words that they did not write without being told.

use std::ops::RangeInclusive;

use crate::caption::repeats_and_words;

/// Names that a note shows.
const SHOWN: usize = 5;
/// Fewer repeats than this are what a training has anyway; more are a year or something else.
const REPEATS: RangeInclusive<usize> = 2..=999;

/// The captions that a folder's pictures do not have, and the texts that are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaptionGaps {
    /// How many pictures can be used.
    pub pictures: usize,
    /// How many of them have no caption of their own.
    pub without_caption: usize,
    /// What these get in its place: the folder's name.
    pub fallback: String,
    /// The names of texts that look like captions and are no picture's.
    pub stray_texts: Vec<String>,
    /// The file name of one of the pictures.
    pub example: String,
    /// The name of the folder.
    pub folder: String,
}

impl CaptionGaps {
    /// What a person should know of them, each in a line. `repeats` is how often a training takes each picture, where there is
    /// one.
    pub fn notes(&self, repeats: Option<usize>) -> Vec<String> {
        let notes = [
            self.fallback_note(),
            self.strays_note(),
            self.repeats_note(repeats),
        ];
        notes.into_iter().flatten().collect()
    }

    fn fallback_note(&self) -> Option<String> {
        let (all, fallback) = (self.pictures, &self.fallback);
        let whose = match self.without_caption {
            0 => return None,
            _ if all == 1 => "the picture has no caption of its own and gets".to_owned(),
            1 => format!("1 of {all} pictures has no caption of its own and gets"),
            few if few < all => {
                format!("{few} of {all} pictures have no caption of their own and get")
            }
            _ => format!("none of the {all} pictures has a caption of its own, and all get"),
        };
        Some(format!("{whose} `{fallback}`, the folder's name"))
    }

    fn strays_note(&self) -> Option<String> {
        if self.stray_texts.is_empty() {
            return None;
        }
        let shown = self.stray_texts.iter().take(SHOWN);
        let shown: Vec<_> = shown.map(|name| format!("`{name}`")).collect();
        let more = match self.stray_texts.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let stem = self.example.rsplit_once('.');
        let stem = stem.map_or(self.example.as_str(), |(stem, _)| stem);
        Some(format!(
            "texts that are no picture's caption and are not read: {}{more}; the caption of `{}` stands in `{stem}.txt`",
            shown.join(", "),
            self.example
        ))
    }

    /// Nothing for a training that takes the number.
    fn repeats_note(&self, taken: Option<usize>) -> Option<String> {
        let (repeats, _) = repeats_and_words(&self.folder)?;
        let repeats: usize = repeats.parse().ok()?;
        (REPEATS.contains(&repeats) && taken != Some(repeats)).then(|| {
            format!(
                "the number in front of the folder's name `{}` is not taken for repeats: `atelier train --repeats {repeats}` \
                 takes each picture {repeats} times in an epoch",
                self.folder
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(pictures: usize, without_caption: usize) -> CaptionGaps {
        CaptionGaps {
            pictures,
            without_caption,
            fallback: "my cat".to_owned(),
            stray_texts: Vec::new(),
            example: "red-hat.jpg".to_owned(),
            folder: "my-cat".to_owned(),
        }
    }

    #[test]
    fn captions_that_the_folder_gives_are_counted() {
        assert!(gaps(30, 0).notes(None).is_empty());
        for (all, without, expected) in [
            (
                1,
                1,
                "the picture has no caption of its own and gets `my cat`, the folder's name",
            ),
            (
                30,
                1,
                "1 of 30 pictures has no caption of its own and gets `my cat`, the folder's name",
            ),
            (
                30,
                12,
                "12 of 30 pictures have no caption of their own and get `my cat`, the folder's name",
            ),
            (
                30,
                30,
                "none of the 30 pictures has a caption of its own, and all get `my cat`, the folder's name",
            ),
        ] {
            assert_eq!(gaps(all, without).notes(None), [expected]);
        }
    }

    #[test]
    fn texts_that_are_not_read_are_named_with_what_would_be() {
        let names = (0..7).map(|number| format!("{number}.caption"));
        let gaps = CaptionGaps {
            stray_texts: names.collect(),
            ..gaps(7, 0)
        };
        assert_eq!(
            gaps.notes(None),
            [
                "texts that are no picture's caption and are not read: `0.caption`, `1.caption`, `2.caption`, `3.caption`, \
                 `4.caption` and 2 more; the caption of `red-hat.jpg` stands in `red-hat.txt`"
            ]
        );
    }

    #[test]
    fn a_number_of_repeats_in_the_folders_name_is_told_to_be_none() {
        let notes = |folder: &str, repeats| {
            let folder = folder.to_owned();
            CaptionGaps {
                folder,
                ..gaps(7, 0)
            }
            .notes(repeats)
        };
        for repeats in [None, Some(1), Some(9)] {
            let told = notes("10_my-cat", repeats);
            assert!(
                told[0].contains("`10_my-cat`") && told[0].contains("--repeats 10`"),
                "{told:?}"
            );
        }
        assert!(notes("10_my-cat", Some(10)).is_empty());
        for folder in ["my_cat", "1_cat", "2024_cat", "10_", "10-cat"] {
            assert!(notes(folder, None).is_empty(), "{folder}");
        }
    }
}
