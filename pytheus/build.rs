//! `links` in the manifest, which keeps a program at one copy of this crate, asks for a build script.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
