//! Through a crate that re-exports the macros under another name.
#![deny(warnings, missing_docs)]
#![forbid(unsafe_code)]
#![allow(dead_code, non_camel_case_types)]
mod reexport {
    pub mod deep {
        pub use ::pytheus as metrics_of_ours;
    }
}

use reexport::deep::metrics_of_ours;

// `::pytheus` can't be named below.
mod pytheus {}

metrics_of_ours::metric! {
    /// A counter.
    static COUNTER: Counter = "counter_total" { labels: { a } };
}

#[derive(metrics_of_ours::LabelValue)]
#[label_value(crate = reexport::deep::metrics_of_ours)]
enum Size {
    Small,
}

/// Runs.
#[metrics_of_ours::counter(name = "a_total", crate = metrics_of_ours, labels(outcome, size: Size = Size::Small))]
#[metrics_of_ours::histogram(crate = crate::reexport::deep::metrics_of_ours, name = "a_seconds")]
#[metrics_of_ours::counter(COUNTER.a(1), crate = metrics_of_ours)]
fn run() {}

fn main() {
    run();
}
