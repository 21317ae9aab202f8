//! Nothing is taken from the prelude.
#![no_implicit_prelude]
#![deny(warnings, missing_docs)]
#![forbid(unsafe_code)]
use ::pytheus::{LabelValue, counter, gauge, histogram, metric, summary};

#[derive(LabelValue)]
enum Size {
    Small,
}

metric! {
    #![no_implicit_prelude]

    /// A counter.
    static COUNTER: Counter = "counter_total";
    /// A histogram.
    static HISTOGRAM: Histogram = "histogram_seconds" {
        labels: { a, b = "c", size: Size, d: Size = Size::Small }, buckets: [1.0], namespace: "shop", limit: 3
    };
    /// A state set.
    static STATES: StateSet<Size> = "phase";
}

/// Runs.
#[counter(COUNTER)]
#[counter(name = "a_total", labels(n, size: Size = Size::Small, outcome, m = ret), on = 3)]
#[histogram(name = "a_seconds", labels(n, size: Size = Size::Small))]
#[gauge(name = "a_busy", track_inprogress)]
#[gauge(name = "a_last", set_to_current_time)]
#[summary(HISTOGRAM2)]
fn run(n: u8) -> u8 {
    n
}

/// Runs.
#[counter(name = "b_total", labels(n, outcome))]
#[histogram(name = "b_seconds")]
async fn later(n: u8) -> u8 {
    n
}

/// Runs.
#[counter(name = "c_total", labels(n, outcome))]
fn boxed(n: u8) -> ::std::pin::Pin<::std::boxed::Box<dyn ::std::future::Future<Output = u8>>> {
    ::std::boxed::Box::pin(later(n))
}

metric! {
    /// A summary.
    static HISTOGRAM2: Summary = "summary_seconds";
}

fn main() {
    ::std::assert_eq!(run(3), 3);
    ::std::mem::drop(boxed(3));
    HISTOGRAM.a(1).size(Size::Small).observe(1.0);
    STATES.set(Size::Small);
}
