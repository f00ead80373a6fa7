//! Whole numbers as clients write them.

use serde::{Deserialize, Deserializer, Serialize, de};

/// A whole number, also one that is written as `7.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Whole(pub(crate) i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(from)?;
        let is_exact = |value: &f64| value.fract() == 0.0 && value.abs() < 9e15;
        let value = number.as_i64();
        let value = value.or_else(|| number.as_f64().filter(is_exact).map(|value| value as i64));
        let wrong = || de::Error::custom(format!("`{number}`, expected is a whole number"));
        value.map(Self).ok_or_else(wrong)
    }
}

impl Whole {
    /// The number where it lies in a range; else what is wrong with it.
    pub(crate) fn within(self, name: &str, (least, most): (i64, i64)) -> Result<usize, String> {
        let value = (least..=most).contains(&self.0).then_some(self.0);
        let value = value.and_then(|value| usize::try_from(value).ok());
        value.ok_or_else(|| format!("`{name}` must lie between {least} and {most}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_may_have_a_point() {
        let read = |text: &str| {
            serde_json::from_str::<Whole>(text)
                .ok()
                .map(|whole| whole.0)
        };
        assert_eq!(
            (read("7"), read("7.0"), read("-1.0")),
            (Some(7), Some(7), Some(-1))
        );
        for text in ["7.5", "\"7\"", "1e300", "null", "true"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
