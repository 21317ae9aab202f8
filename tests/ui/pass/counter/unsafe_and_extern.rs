//! Unsafe functions and those of another ABI.
#![deny(warnings, clippy::pedantic, missing_docs)]
use pytheus::counter;

/// Calls.
///
/// # Safety
///
/// The pointer is valid.
#[counter(name = "unsafe_total", labels(outcome))]
unsafe fn read(pointer: *const u8) -> u8 {
    // SAFETY: the caller says so.
    unsafe { *pointer }
}

/// Calls.
#[counter(name = "extern_total", on = ok)]
extern "C" fn from_c(n: i32) -> i32 {
    n + 1
}

fn main() {
    // SAFETY: it points to a local.
    assert_eq!(unsafe { read(&raw const *&3_u8) }, 3);
    assert_eq!(from_c(1), 2);
}
