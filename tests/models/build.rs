//! Compiles the storage of this package with loom: here alone, and without `RUSTFLAGS`.

fn main() {
    println!("cargo:rustc-cfg=loom");
    println!("cargo:rerun-if-changed=build.rs");
}
