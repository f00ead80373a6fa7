//! Configuration files, read with a limit on their size.

use std::path::Path;

use serde_json::Value;

use crate::{Error, Result};

/// Largest configuration file that is read.
const MAX_CONFIG_BYTES: u64 = 16 << 20;

/// The JSON object in a file.
pub(crate) fn read_json(path: &Path) -> Result<Value> {
    let bytes = read_limited(path)?;
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Error::bad_base(path, format!("it is not valid JSON: {error}")))?;
    if !value.is_object() {
        return Err(Error::bad_base(path, "it is not a JSON object"));
    }
    Ok(value)
}

/// The bytes of a small file.
pub(crate) fn read_limited(path: &Path) -> Result<Vec<u8>> {
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
