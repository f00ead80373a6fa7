//! The keys of a request, read as what they mean while they come. Those that nobody asks for are passed over, since clients
//! send more of them from version to version; a wrong value matters only where it is asked for.
//!
//! Nothing is kept of lists and keys but what they mean: a small document could become many times its size.

use std::fmt;
use std::iter::empty;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Error, Value};

use crate::whole::Whole;

/// What the value of a key may mean.
pub(crate) trait Meaning: Sized {
    /// Reads a value that is neither a list nor has keys.
    fn of_plain<'de, D: Deserializer<'de>>(value: D) -> Result<Self, D::Error>;

    /// Reads a list. What is wrong with it is the inner error; the outer one ends the document.
    fn of_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Result<Self, String>, A::Error> {
        pass_over_list(&mut list)?;
        let list = SeqDeserializer::<_, Error>::new(empty::<bool>());
        Ok(Self::of_plain(list).map_err(|error| error.to_string()))
    }

    /// Reads what has keys, likewise.
    fn of_keys<'de, A: MapAccess<'de>>(mut keys: A) -> Result<Result<Self, String>, A::Error> {
        pass_over_keys(&mut keys)?;
        let keys = MapDeserializer::<_, Error>::new(empty::<(bool, bool)>());
        Ok(Self::of_plain(keys).map_err(|error| error.to_string()))
    }
}

/// Passes over what is left of a list.
pub(crate) fn pass_over_list<'de, A: SeqAccess<'de>>(list: &mut A) -> Result<(), A::Error> {
    while list.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

/// Passes over the keys that are left.
pub(crate) fn pass_over_keys<'de, A: MapAccess<'de>>(keys: &mut A) -> Result<(), A::Error> {
    while keys.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

macro_rules! plain {
    ($($kind:ty),*) => {$(
        impl Meaning for $kind {
            fn of_plain<'de, D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
                Self::deserialize(value)
            }
        }
    )*};
}

plain!(bool, f32, f64, String, Whole);

/// A key: nothing where it is not there or null, a value, or what is wrong with that.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key<T>(Result<Option<T>, String>);

impl<T> Default for Key<T> {
    fn default() -> Self {
        Self(Ok(None))
    }
}

impl<T> Key<T> {
    /// The value, where there is one.
    ///
    /// # Errors
    /// When it is another than can be there; in words, with the key's name.
    pub(crate) fn get(&self, name: &str) -> Result<Option<&T>, String> {
        let value = self.0.as_ref();
        let value = value.map_err(|problem| format!("`{name}`: {problem}"))?;
        Ok(value.as_ref())
    }

    /// The same, taken out of the request.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(crate) fn take(&mut self, name: &str) -> Result<Option<T>, String> {
        let value = std::mem::take(self).read();
        value.map_err(|problem| format!("`{name}`: {problem}"))
    }

    /// The value of one that has no name.
    ///
    /// # Errors
    /// As [`Self::get`], without a name.
    pub(crate) fn read(self) -> Result<Option<T>, String> {
        self.0
    }

    /// Whether there is a value, and it is so.
    pub(crate) fn is_some_and(&self, is_so: impl FnOnce(&T) -> bool) -> bool {
        matches!(&self.0, Ok(Some(value)) if is_so(value))
    }
}

impl<'de, T: Meaning> Deserialize<'de> for Key<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(KeyVisitor(PhantomData))
    }
}

impl<T: Serialize> Serialize for Key<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.as_ref().ok().serialize(to)
    }
}

struct KeyVisitor<T>(PhantomData<T>);

impl<T: Meaning> KeyVisitor<T> {
    fn plain<'de>(value: impl IntoDeserializer<'de, Error>) -> Key<T> {
        let read = T::of_plain(value.into_deserializer());
        Key(read.map(Some).map_err(|error| error.to_string()))
    }
}

impl<'de, T: Meaning> Visitor<'de> for KeyVisitor<T> {
    type Value = Key<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Key<T>, E> {
        Ok(Key::default())
    }

    fn visit_bool<E>(self, value: bool) -> Result<Key<T>, E> {
        Ok(Self::plain(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Key<T>, E> {
        Ok(Self::plain(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Key<T>, E> {
        Ok(Self::plain(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Key<T>, E> {
        Ok(Self::plain(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Key<T>, E> {
        Ok(Self::plain(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Key<T>, A::Error> {
        Ok(Key(T::of_list(list)?.map(Some)))
    }

    fn visit_map<A: MapAccess<'de>>(self, keys: A) -> Result<Key<T>, A::Error> {
        Ok(Key(T::of_keys(keys)?.map(Some)))
    }
}

/// Whether a value is anything but no, nothing, the word `None` in any case, or a number that is not above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted(pub(crate) bool);

impl Key<Wanted> {
    /// Whether the key is there and says anything but no.
    pub(crate) fn is_wanted(&self) -> bool {
        self.is_some_and(|Wanted(is_wanted)| *is_wanted)
    }
}

impl Meaning for Wanted {
    fn of_plain<'de, D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(value)? {
            Value::Bool(is_on) => is_on,
            Value::Number(number) => number.as_f64().is_none_or(|number| number > 0.0),
            Value::String(text) => !is_none(&text),
            Value::Null | Value::Array(_) | Value::Object(_) => false,
        }))
    }

    fn of_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Result<Self, String>, A::Error> {
        let is_any = list.next_element::<IgnoredAny>()?.is_some();
        pass_over_list(&mut list)?;
        Ok(Ok(Self(is_any)))
    }

    fn of_keys<'de, A: MapAccess<'de>>(mut keys: A) -> Result<Result<Self, String>, A::Error> {
        let is_any = keys.next_entry::<IgnoredAny, IgnoredAny>()?.is_some();
        pass_over_keys(&mut keys)?;
        Ok(Ok(Self(is_any)))
    }
}

/// Whether a text names nothing: clients spell that `None` too.
pub(crate) fn is_none(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || text.eq_ignore_ascii_case("none")
}

/// A whole request, which has keys; a list is none.
#[derive(Debug)]
pub(crate) struct Document<T>(pub(crate) T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Document<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(DocumentVisitor(PhantomData))
    }
}

struct DocumentVisitor<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for DocumentVisitor<T> {
    type Value = Document<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, keys: A) -> Result<Document<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(keys)).map(Document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Some {
        steps: Key<f64>,
        width: Key<Whole>,
        prompt: Key<String>,
        tiling: Key<Wanted>,
    }

    fn read(text: &str) -> Result<Some, Error> {
        serde_json::from_str(text).map(|Document(some)| some)
    }

    #[test]
    fn values_are_read_and_wrong_ones_are_named_when_they_are_asked_for() {
        let some = read(r#"{"steps": 7.5, "width": null, "prompt": 7, "x": [{}]}"#).unwrap();
        assert_eq!(some.steps.get("steps").unwrap(), Some(&7.5));
        assert_eq!(some.width.get("width").unwrap(), None);
        let wrong = some.prompt.get("prompt").unwrap_err();
        assert_eq!(
            wrong,
            "`prompt`: invalid type: integer `7`, expected a string"
        );
        assert!(!some.tiling.is_wanted());
    }

    #[test]
    fn lists_and_keys_in_the_place_of_values_are_passed_over_and_named() {
        for (value, kind) in [
            ("[[1], {\"a\": [2]}]", "sequence"),
            ("{\"a\": [1, {}]}", "map"),
        ] {
            let text = format!("{{\"prompt\": {value}, \"width\": {value}, \"steps\": 2}}");
            let some = read(&text).unwrap();
            let wrong = some.prompt.get("prompt").unwrap_err();
            assert_eq!(
                wrong,
                format!("`prompt`: invalid type: {kind}, expected a string")
            );
            assert!(some.width.get("width").is_err());
            assert_eq!(some.steps.get("steps").unwrap(), Some(&2.0));
        }
    }

    #[test]
    fn what_is_no_json_is_refused_wherever_it_stands() {
        for text in [
            "[]",
            "7",
            "{\"prompt\": [tru]}",
            "{\"tiling\": [1, }",
            "{\"tiling\": {\"a\" 1}}",
            "{\"x\": [1 2]}",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_and_nothing_are_not_wanted() {
        let is_wanted = |value: &str| read(&format!("{{\"tiling\": {value}}}")).unwrap().tiling;
        for off in [
            "null",
            "false",
            "0",
            "-1",
            "0.0",
            "\"\"",
            "\" \"",
            "\"None\"",
            "\"none \"",
            "[]",
            "{}",
        ] {
            assert!(!is_wanted(off).is_wanted(), "{off}");
        }
        for on in ["true", "0.5", "\"x\"", "[0]", "[null, 1]", "{\"x\": 0}"] {
            assert!(is_wanted(on).is_wanted(), "{on}");
        }
    }
}
