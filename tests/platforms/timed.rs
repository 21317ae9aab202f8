//! Each line that is marked reads the clock: where there is none, it does not compile.

#![allow(clippy::unused_async, reason = "what is counted is that it compiles")]

use pytheus::{gauge, histogram, metric, summary};

metric! {
    /// Times.
    static SECONDS: Histogram = "seconds";
    /// Times.
    static BY_KIND: Summary = "by_kind_seconds" { labels: { kind } };
    /// A time.
    static LAST: Gauge = "last_seconds" { labels: { kind } };
}

#[histogram(SECONDS)] // clock
fn of_a_handle() {}

#[histogram(name = "function_seconds", help = "Times.")] // clock
fn declared() {}

#[summary(name = "async_seconds", help = "Times.", labels(kind = kind))] // clock
async fn labelled(kind: &str) {}

#[histogram(name = "outcome_seconds", help = "Times.", labels(outcome))] // clock
fn ends() -> Result<(), ()> {
    Ok(())
}

#[gauge(name = "timestamp_seconds", help = "When.", set_to_current_time, on = ok)] // clock
fn when() -> Result<(), ()> {
    Ok(())
}

#[gauge(name = "took_seconds", help = "How long.", time)] // clock
fn took() {}

fn main() {
    of_a_handle();
    declared();
    drop(labelled("a"));
    let _ = (ends(), when());
    took();
    drop(SECONDS.time()); // clock
    SECONDS.time_call(|| ()); // clock
    drop(SECONDS.time_future(async {})); // clock
    drop(BY_KIND.kind("a").time()); // clock
    BY_KIND.kind("a").time_call(|| ()); // clock
    drop(BY_KIND.kind("a").time_future(async {})); // clock
    LAST.kind("a").set_to_current_time(); // clock
    LAST.kind("a").to_series().set_to_current_time(); // clock
}
