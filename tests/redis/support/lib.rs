//! What the tests of the Redis backend need: real servers, a network that fails as it is told, and processes that count.
//!
//! Runs are short unless a variable asks for more:
//!
//! ```sh
//! PYTHEUS_REDIS_LONG=1 cargo test -p pytheus-tests-redis
//! ```
#![cfg(unix)]

pub mod cluster;
pub mod counting;
pub mod proxy;
pub mod python;
pub mod resp;
pub mod server;

use std::env;
use std::time::{Duration, Instant};

/// How often something is to be tried: in a short run, or in a long one, where `PYTHEUS_REDIS_LONG` is set.
pub fn rounds(short: u64, long: u64) -> u64 {
    if env::var_os("PYTHEUS_REDIS_LONG").is_some() { long } else { short }
}

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
