//! The agreements of threads and forks: locks, memory barriers, epochs, fork handlers, the end of the process.
//!
//! Knows no cells, and imports nothing of the library. With `storage`, one of the two places with `unsafe`.

#[cfg(all(unix, not(any(target_os = "emscripten", loom, miri))))]
mod at_exit;
/// Without `atexit`, nothing runs at the end of the process.
#[cfg(not(all(unix, not(any(target_os = "emscripten", loom, miri)))))]
mod at_exit {
    pub(crate) fn at_exit(_: fn()) {}
}
pub(crate) mod barrier;
mod catch_panic;
#[cfg(all(unix, not(any(target_os = "emscripten", loom, miri))))]
mod close_on_fork;
pub(crate) mod epoch;
mod fork_gate;
mod lock;
#[cfg(not(loom))]
mod promise;
pub(crate) mod shim;

pub(crate) use at_exit::at_exit;
pub(crate) use catch_panic::catch_panic;
#[cfg(all(unix, not(any(target_os = "emscripten", loom, miri))))]
pub use close_on_fork::CloseOnFork;
#[cfg(all(unix, feature = "serve", not(any(target_os = "emscripten", loom, miri))))]
pub(crate) use close_on_fork::ClosedInChild;
#[cfg(all(unix, feature = "conformance"))]
pub(crate) use fork_gate::fork;
pub(crate) use fork_gate::{enter, run_in_child};
pub(crate) use lock::{Guarded, lock, read, try_lock, write};
#[cfg(not(loom))]
pub(crate) use promise::{Promise, Waiter};
