//! Seeds in requests. Programs whose numbers end at 2^53 write larger ones as text, digit by digit.

use std::fmt;

use atelier_core::Seed;
use serde::Deserializer;
use serde::de::{Error, Unexpected, Visitor};
use serde_json::json;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type};

/// The longest text of a seed.
const MOST_DIGITS: usize = 20;

/// Reads a seed: a number, or its digits as text.
pub(crate) fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Seed, D::Error> {
    from.deserialize_any(SeedVisitor)
}

/// How the description of the API says so, of a seed that is for something, and what it is where it is absent.
pub(crate) fn schema_of(what: &str, absent: Option<u64>) -> Schema {
    let number = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::Custom("uint64".to_owned())))
        .minimum(Some(0));
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some("^[0-9]{1,20}$"));
    let either = OneOfBuilder::new()
        .item(number)
        .item(text)
        .description(Some(format!(
            "{what} A number, or its digits as text, since many programs round numbers above 2^53."
        )))
        .default(absent.map(|seed| json!(seed)))
        .build();
    Schema::OneOf(either)
}

struct SeedVisitor;

impl Visitor<'_> for SeedVisitor {
    type Value = Seed;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = u64::MAX;
        write!(
            to,
            "`seed` to be a whole number from 0 to {most}, or its digits as text"
        )
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Seed, E> {
        Ok(Seed(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Seed, E> {
        let is_number = text.len() <= MOST_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
        let seed = is_number.then(|| text.parse().ok()).flatten();
        seed.map(Seed)
            .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Result<Seed, serde_json::Error> {
        read(&mut serde_json::Deserializer::from_str(json))
    }

    #[test]
    fn seeds_are_numbers_or_their_digits() {
        assert_eq!(of("7").unwrap(), Seed(7));
        assert_eq!(of("18446744073709551615").unwrap(), Seed(u64::MAX));
        assert_eq!(of("\"18446744073709551615\"").unwrap(), Seed(u64::MAX));
        assert_eq!(of("\"007\"").unwrap(), Seed(7));
        let others = [
            "-1",
            "1.5",
            "\"\"",
            "\"+1\"",
            "\"-1\"",
            "\" 1\"",
            "null",
            "[1]",
            "18446744073709551616",
        ];
        for other in others
            .into_iter()
            .chain(["\"18446744073709551616\"", "\"000000000000000000001\""])
        {
            let error = of(other).unwrap_err().to_string();
            assert!(error.contains("its digits as text"), "{other} {error}");
        }
    }
}
