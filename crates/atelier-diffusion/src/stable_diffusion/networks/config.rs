//! What reading a configuration file needs: what this code does not build is an error, not a guess.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::{Error, Result};

pub(super) fn config_error(part: &'static str, key: &str, problem: &str) -> Error {
    Error::Config {
        part,
        key: key.to_owned(),
        problem: problem.to_owned(),
    }
}

pub(super) fn parse<T: for<'a> Deserialize<'a>>(part: &'static str, json: &Value) -> Result<T> {
    T::deserialize(json)
        .map_err(|error| config_error(part, "config.json", &format!("cannot be read: {error}")))
}

/// The side of a square, or the height and the width of a rectangle.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a side must be a whole number or two of them")]
enum Sides {
    Square(usize),
    Rectangle([usize; 2]),
}

impl Sides {
    fn smaller(self) -> usize {
        match self {
            Self::Square(side) => side,
            Self::Rectangle([height, width]) => height.min(width),
        }
    }
}

/// Reads one side or two; of two the smaller.
pub(super) fn smaller_side<'a, D: Deserializer<'a>>(sides: D) -> Result<usize, D::Error> {
    Sides::deserialize(sides).map(Sides::smaller)
}

/// The same where there may be none.
pub(super) fn smaller_side_if_any<'a, D: Deserializer<'a>>(
    sides: D,
) -> Result<Option<usize>, D::Error> {
    let sides = Option::<Sides>::deserialize(sides)?;
    Ok(sides.map(Sides::smaller))
}

pub(super) fn check_fixed(
    part: &'static str,
    json: &Value,
    fixed: &[(&str, &[&str])],
) -> Result<()> {
    for (key, known) in fixed {
        let Some(value) = json.get(key) else { continue };
        if !value.is_null() && !known.contains(&value.to_string().as_str()) {
            return Err(config_error(
                part,
                key,
                &format!("is {value}, supported: {}", known.join(" or ")),
            ));
        }
    }
    Ok(())
}
