//! `<lora:…>`: adapters that a prompt names.

use std::fmt;

use super::error::{PromptError, Result, excerpt};
use super::words::is_word_letter;

/// An adapter that a prompt names.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraTag {
    /// Its name, as the library or the file system knows it.
    pub name: String,
    /// The strength on the denoiser.
    pub unet: f32,
    /// The strength on the text encoders; that of the denoiser when absent.
    pub text: Option<f32>,
}

impl LoraTag {
    /// The strength on the text encoders.
    pub fn text_strength(&self) -> f32 {
        self.text.unwrap_or(self.unet)
    }
}

impl fmt::Display for LoraTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, unet, text } = self;
        match text {
            Some(text) => write!(f, "<lora:{name}:te={text}:unet={unet}>"),
            None => write!(f, "<lora:{name}:{unet}>"),
        }
    }
}

/// Takes the tags out of a text: what remains of it, and the adapters.
pub fn take(text: &str) -> Result<(String, Vec<LoraTag>)> {
    let (mut rest, mut tags) = (String::with_capacity(text.len()), Vec::new());
    let mut done = 0;
    // The next `>` is kept, so that a text of many `<` is searched once.
    let mut closing = text.find('>');
    for (start, _) in text.match_indices('<') {
        if start < done {
            continue;
        }
        let inner = &text[start + 1..];
        let word_length = inner.find(|c| !is_word_letter(c)).unwrap_or(inner.len());
        let word = &inner[..word_length];
        if word.is_empty() || !inner[word_length..].starts_with(':') {
            continue;
        }
        if closing.is_some_and(|end| end < start) {
            closing = text[start..].find('>').map(|end| start + end);
        }
        let is_lora = matches!(word, "lora" | "lyco");
        match closing {
            Some(end) if is_lora => {
                let values = &text[start + word_length + 2..end];
                tags.push(read(values).map_err(|problem| PromptError::BadLora {
                    tag: excerpt(&text[start..=end]),
                    problem,
                })?);
                rest.push_str(&text[done..start]);
                done = end + 1;
            }
            Some(end) if end > start + word_length + 2 => {
                let tag = excerpt(&text[start..=end]);
                return Err(PromptError::UnknownTag { tag });
            }
            None if is_lora => {
                return Err(PromptError::BadLora {
                    tag: excerpt(&text[start..]),
                    problem: "the closing `>` is missing".to_owned(),
                });
            }
            _ => {}
        }
    }
    rest.push_str(&text[done..]);
    Ok((rest, tags))
}

/// Reads `NAME`, `NAME:TE`, `NAME:TE:UNET`, and `te=` and `unet=` anywhere after the name.
fn read(values: &str) -> Result<LoraTag, String> {
    let mut values = values.split(':');
    let name = values.next().unwrap_or_default().trim();
    if name.is_empty() {
        return Err("the name is empty".to_owned());
    }
    if name.contains('=') {
        return Err("the name comes first".to_owned());
    }
    let (mut plain, mut text, mut unet) = (Vec::new(), None, None);
    for value in values {
        let Some((key, value)) = value.split_once('=') else {
            plain.push(number(value)?);
            continue;
        };
        let place = match key.trim() {
            "te" => &mut text,
            "unet" => &mut unet,
            key => return Err(format!("`{key}=` is not supported, `te=` and `unet=` are")),
        };
        if place.replace(number(value)?).is_some() {
            return Err(format!("`{}=` stands twice", key.trim()));
        }
    }
    let [first, second] = match plain[..] {
        [] => [None, None],
        [both] => [Some(both), None],
        [text, unet] => [Some(text), Some(unet)],
        _ => {
            return Err(format!(
                "{} numbers, at most two are supported",
                plain.len()
            ));
        }
    };
    // A lone number is both strengths, so that the text encoders need none of their own.
    let given = text.or(first).unwrap_or(1.0);
    let unet = unet.or(second);
    Ok(LoraTag {
        name: name.to_owned(),
        unet: unet.unwrap_or(given),
        text: unet.map(|_| given),
    })
}

fn number(text: &str) -> Result<f32, String> {
    let number = text.trim().parse::<f32>().ok().filter(|n| n.is_finite());
    number.ok_or_else(|| format!("`{text}` is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> LoraTag {
        let (rest, mut tags) = take(text).unwrap();
        assert_eq!((rest.as_str(), tags.len()), ("", 1), "{text}");
        tags.remove(0)
    }

    #[test]
    fn strengths_follow_the_forms_of_the_web_interface() {
        for (text, unet, text_strength) in [
            ("<lora:a>", 1.0, None),
            ("<lora:a:0.8>", 0.8, None),
            ("<lyco:a:0.8>", 0.8, None),
            ("<lora:a: -0.5 >", -0.5, None),
            ("<lora:a:0.5:0.8>", 0.8, Some(0.5)),
            ("<lora:a:te=0.5:unet=0.8>", 0.8, Some(0.5)),
            ("<lora:a:unet=0.8:te=0.5>", 0.8, Some(0.5)),
            ("<lora:a:te=0.5>", 0.5, None),
            ("<lora:a:unet=0.8>", 0.8, Some(1.0)),
            ("<lora:a:0.6:unet=0.8>", 0.8, Some(0.6)),
        ] {
            let expected = LoraTag {
                name: "a".to_owned(),
                unet,
                text: text_strength,
            };
            assert_eq!(tag(text), expected, "{text}");
            assert_eq!(tag(&expected.to_string()), expected, "{text}");
        }
    }

    #[test]
    fn tags_leave_the_text_and_keep_their_order() {
        let (rest, tags) = take("a <lora:x y.v1:1>, b<lora:Ü>").unwrap();
        assert_eq!(rest, "a , b");
        let names: Vec<_> = tags.iter().map(|tag| tag.name.as_str()).collect();
        assert_eq!(names, ["x y.v1", "Ü"]);
        assert!((tags[1].text_strength() - 1.0).abs() < f32::EPSILON);
    }

    #[test]
    fn other_angle_brackets_are_text() {
        for text in [
            "a < b > c",
            "<lora>",
            "<3",
            "<b: c",
            "x <a:> y",
            "<|endoftext|>",
            "lora:a>",
        ] {
            assert_eq!(take(text).unwrap(), (text.to_owned(), Vec::new()));
        }
    }

    #[test]
    fn malformed_tags_are_named_with_the_problem() {
        for (text, problem) in [
            ("<lora:>", "the name is empty"),
            ("<lora::1>", "the name is empty"),
            ("<lora:a:>", "`` is not a number"),
            ("<lora:a:strong>", "`strong` is not a number"),
            ("<lora:a:nan>", "`nan` is not a number"),
            ("<lora:a:1:2:3>", "3 numbers, at most two"),
            ("<lora:a:te=1:te=2>", "`te=` stands twice"),
            ("<lora:a:lbw=IN02>", "`lbw=` is not supported"),
            ("<lora:te=1:unet=2>", "the name comes first"),
            ("<lora:a:0.8", "the closing `>` is missing"),
        ] {
            let message = take(&format!("a {text}")).unwrap_err().to_string();
            assert!(message.starts_with(&format!("`{text}`")), "{message}");
            assert!(message.contains(problem), "{message}");
        }
        let message = take("<hypernet:x:1>").unwrap_err().to_string();
        assert!(
            message.contains("`<hypernet:x:1>` is a tag that"),
            "{message}"
        );
    }
}
