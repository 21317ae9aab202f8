//! Has the storage, which this package includes, use loom's atomics: here alone, and without `RUSTFLAGS`.

fn main() {
    println!("cargo:rustc-cfg=loom");
    println!("cargo:rerun-if-changed=build.rs");
}
