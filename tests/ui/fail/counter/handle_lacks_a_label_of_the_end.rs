// A label is still missing beside the outcome.
use pytheus::{counter, metric};

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: { queue, outcome } };
}

#[counter(JOBS.outcome(outcome))]
fn run() {}

fn main() {
    run();
}
