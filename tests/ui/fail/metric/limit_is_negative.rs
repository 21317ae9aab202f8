// A limit below 0.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: { queue }, limit: -1 };
}

fn main() {}
