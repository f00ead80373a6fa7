//! Compiles the program again when an embedded file is added or changed.

#[expect(clippy::print_stdout, reason = "how a build script talks to cargo")]
fn main() {
    println!("cargo:rerun-if-changed=../../assets");
}
