// A call in progress has no outcome yet.
use pytheus::{gauge, metric};

metric! {
    /// Jobs.
    static JOBS: Gauge = "jobs" { labels: { outcome } };
}

#[gauge(JOBS.outcome(outcome), track_inprogress)]
fn run() {}

fn main() {
    run();
}
