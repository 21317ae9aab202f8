//! What the tests of the Redis backend need: real servers, a network that fails as it is told, and processes that count.
#![cfg(unix)]

pub mod cluster;
pub mod counting;
pub mod proxy;
pub mod python;
pub mod resp;
pub mod server;
pub mod spool;

pub use support::{TIMEOUT, retry_until};
