//! Support for the tests of the Redis backend: real servers, a proxy with fault injection, and workers.
#![cfg(unix)]

pub mod cluster;
pub mod counting;
pub mod proxy;
pub mod python;
pub mod resp;
pub mod server;
pub mod spool;

pub use support::{TIMEOUT, retry_until};
