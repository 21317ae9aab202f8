//! What the tests of the Redis backend need: real servers, a network that fails as it is told, and processes that count.
#![cfg(unix)]

pub mod cluster;
pub mod counting;
pub mod proxy;
pub mod python;
pub mod resp;
pub mod server;
pub mod spool;

use std::time::{Duration, Instant};

/// Asks again until there is an answer.
///
/// # Errors
///
/// What `ask` gave last, when the time is over.
pub fn within<T>(most: Duration, mut ask: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    let deadline = Instant::now() + most;
    loop {
        match ask() {
            Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
            outcome => return outcome,
        }
    }
}
