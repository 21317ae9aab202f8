//! Async functions, whose futures stay `Send`.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use std::fmt::Display;

use pytheus::counter;

/// Calls.
#[counter(name = "sent_total")]
async fn sent(text: &str) -> usize {
    std::future::ready(()).await;
    text.len()
}

/// Calls.
#[counter(name = "ended_total", labels(outcome, length = ret.as_ref().map_or(0, |text| text.len()), text))]
async fn ended<'a>(text: &'a str, _: &[u8]) -> Result<&'a str, Box<dyn std::error::Error + Send + Sync>> {
    std::future::ready(()).await;
    let _: u8 = text.parse()?;
    Ok(text)
}

/// Calls.
#[counter(name = "opaque_output_total", labels(outcome))]
async fn opaque_output(n: u8) -> impl Display {
    n
}

/// Calls.
#[counter(name = "nothing_returned_total", labels(outcome))]
async fn nothing_returned() {
    if std::future::ready(true).await {
        return;
    }
    std::future::ready(()).await;
}

fn send<T: Send>(_: T) {}

fn main() {
    send(sent("x"));
    send(ended("x", &[]));
    send(opaque_output(3));
    send(nothing_returned());
}
