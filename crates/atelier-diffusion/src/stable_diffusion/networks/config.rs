//! What reading a configuration file needs: what this code does not build is an error, not a guess.

use serde::Deserialize;
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
