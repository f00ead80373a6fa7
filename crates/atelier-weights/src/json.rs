//! Configuration files, read with a limit on their size.

use std::path::Path;

use serde_json::Value;

use crate::{Error, Result};

/// Largest configuration file that is read.
pub const MAX_CONFIG_BYTES: u64 = 16 << 20;

/// The JSON object in a file.
pub fn read_json(path: &Path) -> Result<Value> {
    let bytes = read_limited(path)?;
    let text =
        String::from_utf8(bytes).map_err(|_| Error::bad_base(path, "it is not text in UTF-8"))?;
    let value: Value = serde_json::from_str(&quote_infinities(&text))
        .map_err(|error| Error::bad_base(path, format!("it is not valid JSON: {error}")))?;
    if !value.is_object() {
        return Err(Error::bad_base(path, "it is not a JSON object"));
    }
    Ok(value)
}

/// The bytes of a small file.
pub fn read_limited(path: &Path) -> Result<Vec<u8>> {
    let failed = |source| Error::io("read", path, source);
    let size = fs_err::metadata(path).map_err(failed)?.len();
    if size > MAX_CONFIG_BYTES {
        return Err(Error::bad_base(
            path,
            format!("it has {size} bytes, at most {MAX_CONFIG_BYTES} are read"),
        ));
    }
    fs_err::read(path).map_err(failed)
}

/// Python writes infinities as bare words, which JSON does not have; diffusers' own files hold them.
pub fn quote_infinities(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    let (mut rest, mut in_string) = (text, false);
    while let Some(character) = rest.chars().next() {
        let word = ["-Infinity", "Infinity", "NaN"]
            .into_iter()
            .find(|word| !in_string && rest.starts_with(word));
        let taken = if let Some(word) = word {
            quoted.extend(["\"", word, "\""]);
            word.len()
        } else {
            let escaped = in_string && character == '\\';
            let length = rest.chars().take(1 + usize::from(escaped));
            let length = length.map(char::len_utf8).sum();
            in_string ^= character == '"';
            quoted.push_str(&rest[..length]);
            length
        };
        rest = &rest[taken..];
    }
    quoted
}
