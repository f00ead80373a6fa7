//! Compiles the crate again when a file of the pages is added or changed.

fn main() {
    println!("cargo:rerun-if-changed=../../web/dist");
}
