//! The number of this process.

/// Returns the number of this process, never 0. Where there are no processes (wasm), std would panic; the number is 1.
#[inline]
pub(crate) fn id() -> u32 {
    if cfg!(any(unix, windows)) { std::process::id() } else { 1 }
}
