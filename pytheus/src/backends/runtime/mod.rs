//! The backend of this process at work: which one is active, what a fork does to it, what is sent to it.

mod active;
mod calls;
mod families;
mod flush;
mod fork;
pub(super) mod haste;
pub(super) mod loader;
mod ship;

pub(crate) use active::BeforeLoad;
#[cfg(all(unix, feature = "conformance"))]
pub(crate) use active::about;
pub(crate) use active::{health, is_shared, load, removed};
pub(crate) use families::join;
pub use flush::{FlushError, flush, shutdown};
pub(crate) use fork::{begin, forked};
pub use loader::load_backend;
