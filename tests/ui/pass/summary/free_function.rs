//! Plain and async functions.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use pytheus::summary;

/// Time.
#[summary(name = "plain_seconds", unit = "seconds", labels(name = name.to_uppercase()))]
fn plain(name: &str) -> char {
    name.chars().next().unwrap_or(' ')
}

/// Time.
#[summary(name = "async_seconds", on = ok)]
async fn later() -> Result<(), ()> {
    std::future::ready(Ok(())).await
}

fn main() {
    assert_eq!(plain("x"), 'x');
    drop(later());
}
