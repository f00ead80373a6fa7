//! Compiles the program again when an embedded file is added or changed.

fn main() {
    println!("cargo:rerun-if-changed=../../assets");
}
