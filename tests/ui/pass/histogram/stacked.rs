//! Every attribute on one function, in any order.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use pytheus::{counter, gauge, histogram, summary};

/// Runs.
#[histogram(name = "a_seconds", labels(outcome))]
#[counter(name = "a_total", labels(name))]
#[gauge(name = "a_busy", track_inprogress)]
#[summary(name = "a_summary_seconds")]
#[counter(name = "a_errors_total", on = error | panicked)]
#[must_use]
#[inline]
fn plain(name: &str) -> Result<&str, String> {
    #![allow(clippy::unnecessary_wraps)]
    Ok(name)
}

/// Runs.
#[counter(name = "b_errors_total", on = cancelled)]
#[summary(name = "b_summary_seconds", labels(outcome, name = ret.as_ref().unwrap_or(&"")))]
#[gauge(name = "b_busy", track_inprogress)]
#[histogram(name = "b_seconds")]
#[counter(name = "b_total", labels(outcome))]
async fn later(name: &str) -> Result<&str, String> {
    #![allow(clippy::unused_async)]
    Ok(name)
}

fn main() {
    assert_eq!(plain("x"), Ok("x"));
    drop(later("x"));
}
