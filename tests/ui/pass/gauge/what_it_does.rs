//! In progress, the time it took, when it last succeeded.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use pytheus::{gauge, metric};

metric! {
    /// Busy.
    static BUSY: Gauge = "busy" { labels: { name }, mode: live_max };
}

/// Calls in progress.
#[gauge(name = "in_progress", track_inprogress, labels(name))]
/// Duration of the last call.
#[gauge(name = "last_seconds", time, mode = most_recent)]
/// The last success.
#[gauge(name = "last_success", set_to_current_time, on = ok)]
#[gauge(BUSY.name(name), track_inprogress)]
fn run(name: &str) -> Result<usize, String> {
    Ok(name.len())
}

/// Calls in progress.
#[gauge(name = "async_in_progress", track_inprogress)]
#[gauge(name = "async_seconds", time, labels(outcome))]
#[gauge(name = "async_last", set_to_current_time)]
async fn later(name: String) -> Option<String> {
    std::future::ready(()).await;
    Some(name)
}

fn main() {
    assert_eq!(run("x"), Ok(1));
    drop(later("x".to_owned()));
}
