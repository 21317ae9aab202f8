//! Functions that return `!`.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use pytheus::counter;

/// Calls.
#[counter(name = "exits_total")]
fn exits() -> ! {
    std::process::exit(0)
}

/// Calls.
#[counter(name = "seen_exits_total", on = panicked)]
fn seen_exits() -> ! {
    exits()
}

/// Calls.
#[counter(name = "async_exits_total", labels(outcome))]
async fn async_exits() -> ! {
    seen_exits()
}

fn main() {
    drop(async_exits());
    seen_exits();
}
