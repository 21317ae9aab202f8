//! Beside the attributes of other crates.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use pytheus::counter;

/// Runs.
#[counter(name = "outer_total")]
#[tokio::main(flavor = "current_thread")]
#[counter(name = "inner_total", labels(outcome))]
async fn main() -> Result<(), std::io::Error> {
    tokio::task::yield_now().await;
    Ok(())
}
