//! Prints the description of the API: `cargo run -p atelier-server --example openapi > docs/reference/openapi.json`.

use std::io::{self, Write as _};

fn main() -> io::Result<()> {
    let text = atelier_server::openapi_json();
    io::stdout().lock().write_all(text.as_bytes())
}
