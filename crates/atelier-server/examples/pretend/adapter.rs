//! Adapters in other formats, which say what they were to be.

use std::sync::Arc;

use atelier_server::{AdapterDtype, AdapterWriter};

/// Writes what was wished into the file.
pub(crate) fn adapter_writer() -> AdapterWriter {
    Arc::new(|_, wish, to| {
        let dtype = wish.dtype.map_or("own", AdapterDtype::name);
        let text = format!("{} {dtype} {}", wish.format.name(), wish.base);
        let written = fs_err::write(to, text);
        written.map_err(|error| atelier_store::Error::from(error).into())
    })
}
