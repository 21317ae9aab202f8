//! Processes that count with the Redis backend: the requests are those of `support::worker`.

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
