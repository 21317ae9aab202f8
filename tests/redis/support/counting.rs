//! Processes that count, and tell a Redis what.
//!
//! The file of a test has a test `worker` that [serves](serve); [`start`] runs it in another process.

use pytheus::backends::{BackendSpec, MultiProcessRedisBackend, flush, load_backend, shutdown};
use pytheus::exposition::generate_metrics;
use serde_json::Value;
use support::scrapes::{Samples, samples_of_text};
use support::worker::{self, Worker};

/// A process that counts to the Redis of this configuration.
///
/// # Panics
///
/// When it can't be started, or does not take the configuration.
pub fn start(config: &Value) -> Worker {
    let mut worker = Worker::idle();
    assert_eq!(worker.ask(&format!("redis {config}")), "ok");
    worker
}

/// What a process scrapes, or why it can't.
///
/// # Errors
///
/// What the scrape said.
pub fn try_scrape(worker: &mut Worker) -> Result<Samples, String> {
    let text = worker.ask("scrape");
    match text.strip_prefix("error: ") {
        Some(error) => Err(error.to_owned()),
        None => Ok(samples_of_text(&text)),
    }
}

/// Does what this process is told, if it is a worker: `redis` and a configuration to load, `flush`, `flushed` (which goes on
/// until that succeeds), `shutdown`, `scrape`, and what `act` makes of other words.
///
/// # Panics
///
/// When what it is told makes no sense.
pub fn serve(mut act: impl FnMut(&[&str]) -> String) {
    let outcome = |outcome: Result<(), pytheus::backends::FlushError>| match outcome {
        Ok(()) => "ok".to_owned(),
        Err(error) => format!("error: {error}"),
    };
    worker::serve(|words| match words {
        ["redis", rest @ ..] => {
            let config: Value = rest.join(" ").parse().expect("a configuration");
            let load = BackendSpec::of::<MultiProcessRedisBackend>().with_config(config);
            load_backend(load).map_or_else(|error| format!("error: {error}"), |()| "ok".to_owned())
        }
        ["flush"] => outcome(flush()),
        ["flushed"] => {
            until_flushed();
            "ok".to_owned()
        }
        ["shutdown"] => outcome(shutdown(crate::PATIENCE)),
        ["scrape"] => generate_metrics().unwrap_or_else(|error| format!("error: {error}")),
        _ => act(words),
    });
}

/// Hands over all that was counted, however often that fails.
///
/// # Panics
///
/// When it fails all the time.
pub fn until_flushed() {
    let flushed = crate::within(crate::PATIENCE, || flush().map_err(|error| error.to_string()));
    flushed.expect("the network lets something through");
}
