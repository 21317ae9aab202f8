//! The number of this process, where there are processes.

/// The number of this process. Without processes (wasm) std panics when it is asked for one; it is 1 there, and never 0.
#[inline]
pub(crate) fn id() -> u32 {
    if cfg!(any(unix, windows)) { std::process::id() } else { 1 }
}
