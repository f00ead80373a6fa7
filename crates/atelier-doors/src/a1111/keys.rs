//! The keys of a request. Those that nobody asks for are passed over, since clients send more of them from version to version.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::refusal::{Refusal, Result};

/// What a request says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys<'a>(pub(super) &'a Map<String, Value>);

impl Keys<'_> {
    /// The value of a key, where there is one that is not null.
    pub(super) fn get<T: DeserializeOwned>(self, key: &str) -> Result<Option<T>> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match T::deserialize(value) {
                Ok(value) => Ok(Some(value)),
                Err(error) => Err(Refusal::invalid(format!("`{key}`: {error}"))),
            },
        }
    }

    /// Whether a key is there and says anything but no.
    pub(super) fn is_wanted(self, key: &str) -> bool {
        self.0.get(key).is_some_and(is_wanted)
    }
}

/// Whether a value is anything but no, nothing, or a number that is not above 0.
pub(super) fn is_wanted(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is_on) => *is_on,
        Value::Number(number) => number.as_f64().is_none_or(|number| number > 0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(keys) => !keys.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_read_and_wrong_ones_are_named() {
        let request = json!({"steps": 7.5, "width": null, "tiling": true});
        let keys = Keys(request.as_object().unwrap());
        assert_eq!(keys.get::<f64>("steps").unwrap(), Some(7.5));
        assert_eq!(keys.get::<f64>("width").unwrap(), None);
        let wrong = keys.get::<String>("steps").unwrap_err();
        assert!(format!("{wrong:?}").contains("`steps`"));
        assert!(keys.is_wanted("tiling") && !keys.is_wanted("width") && !keys.is_wanted("x"));
    }

    #[test]
    fn no_and_nothing_are_not_wanted() {
        for off in [
            json!(null),
            json!(false),
            json!(0),
            json!(-1),
            json!(0.0),
            json!(""),
            json!([]),
            json!({}),
        ] {
            assert!(!is_wanted(&off), "{off}");
        }
        for on in [
            json!(true),
            json!(0.5),
            json!("x"),
            json!([0]),
            json!({"x": 0}),
        ] {
            assert!(is_wanted(&on), "{on}");
        }
    }
}
