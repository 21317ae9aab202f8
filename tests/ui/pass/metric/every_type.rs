//! Every type, with visibilities, attributes and options.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use pytheus::{LabelValue, metric};

/// Phases.
#[derive(LabelValue, Debug)]
pub enum Phase {
    /// At first.
    Starting,
    /// Then.
    Running,
}

/// Metrics that others see.
pub mod public {
    use super::Phase;

    pytheus::metric! {
        /// A counter.
        pub static COUNTER: Counter = "counter_total";
        /// A gauge.
        pub(crate) static GAUGE: Gauge = "gauge" { mode: per_process };
        /// A histogram.
        pub static HISTOGRAM: Histogram = "histogram_seconds" { buckets: linear(0.1, 0.1, 3), unit: "seconds" };
        /// A summary.
        pub static SUMMARY: Summary = "summary_bytes" { namespace: "shop", unit: "bytes" };
        /// An info.
        pub static INFO: Info = "app_info" { labels: { version = env!("CARGO_PKG_VERSION"), commit } };
        /// A state set.
        pub static STATES: StateSet<Phase> = "phase" { labels: { job } };
        /// With labels.
        pub static LABELLED: Counter = "labelled_total" { labels: { a, b = "c", phase: Phase } };
        /// All with a default.
        pub static DEFAULTS: Counter = "defaults_total" {
            labels: { phase: Phase = Phase::Starting, n = 3, text = String::from("x") },
        };
    }
}

metric! {
    /// Never used.
    #[allow(dead_code)]
    static UNUSED: Counter = "unused_total" { labels: { a, b } };
    /// Not here.
    #[cfg(any())]
    static ABSENT: Counter = ABSENT_NAME { labels: { a: Absent = NONE } };
    /// Full paths are fine.
    static PATH: pytheus::metrics::Counter = "path_total" { registry: none, help: concat!("a", "b") };
}

metric! {}

fn main() {
    public::COUNTER.inc();
    public::GAUGE.set(1.0);
    public::HISTOGRAM.observe(1.0);
    public::SUMMARY.observe(1.0);
    public::INFO.commit("x").set();
    public::STATES.job("x").set(Phase::Running);
    public::LABELLED.phase(Phase::Running).b(Some("d")).a('x').inc();
    public::DEFAULTS.inc();
    public::DEFAULTS.phase(Phase::Running).n(4).to_series().inc();
    let copy = public::LABELLED.a(1);
    assert!(format!("{:?}", copy.b(2).clone()).contains("labelled_total"));
    PATH.inc();
}
