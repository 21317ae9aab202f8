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

pub use support::PATIENCE;

/// Asks again until there is an answer. Waits so long between the questions at most, counted in pauses: what a slow machine
/// takes for them is not counted. Gives up at last after [`PATIENCE`].
///
/// # Errors
///
/// What `ask` gave last, when the time is over.
pub fn within<T>(most: Duration, mut ask: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    const PAUSE: Duration = Duration::from_millis(10);
    let (mut waited, end) = (Duration::ZERO, Instant::now() + PATIENCE);
    loop {
        match ask() {
            Err(_) if waited < most && Instant::now() < end => std::thread::sleep(PAUSE),
            outcome => return outcome,
        }
        waited += PAUSE;
    }
}
