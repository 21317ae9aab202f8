//! The backend of a process at work: how it is loaded, which one is active, what is sent to it, what a fork does.
//!
//! | file | holds | knows |
//! |---|---|---|
//! | `active` | the entry points for metrics, registries and programs | all others |
//! | `flush` | `flush`, `shutdown`, `shutdown_async` and their errors | `active`, `loader` |
//! | `loader/` | the state of loading, and the background thread | `installed` |
//! | `installed` | the backend in use, its arena, its recovery in a child | the files below |
//! | `ship/` | the thread that sends batches and removals | `families`, `removals` |
//! | `calls`, `families`, `fork`, `removals`, `wait` | one thing each | `wait` at most |

mod active;
mod calls;
mod families;
mod flush;
mod fork;
mod installed;
pub(super) mod loader;
mod removals;
mod ship;
pub(super) mod wait;

pub(crate) use active::{after_fork, ensure_loaded, health, join, load, queue_removal};
pub use flush::{FlushError, flush, shutdown, shutdown_async};
#[cfg(all(unix, feature = "conformance"))]
pub(crate) use installed::installed;
pub(crate) use installed::is_installed;
pub(crate) use loader::BeforeLoad;
pub use loader::load_backend;
