// The existing metric still misses a label.
use pytheus::counter;

pytheus::metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: { queue } };
}

#[counter(JOBS)]
fn run() {}

fn main() {}
