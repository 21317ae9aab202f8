//! Processes that count with the Redis backend: the requests are those of `support::worker`.

use pytheus::backends::flush;
use serde_json::Value;
use support::scrapes::Samples;
use support::worker::Worker;
pub use support::worker::serve;

/// Starts a process with the Redis backend in this configuration.
///
/// # Panics
///
/// When it can't be started, or does not take the configuration.
#[track_caller]
pub fn start(config: &Value) -> Worker {
    Worker::with_backend("redis", config)
}

/// Returns the samples of a scrape.
///
/// # Errors
///
/// The error of the scrape.
pub fn try_scrape(worker: &mut Worker) -> Result<Samples, String> {
    worker.try_scrape()
}

/// Flushes in this process, and retries until that succeeds.
///
/// # Panics
///
/// When it fails all the time.
pub fn until_flushed() {
    let flushed = crate::retry_until(crate::TIMEOUT, || flush().map_err(|error| error.to_string()));
    flushed.expect("the network lets something through");
}
