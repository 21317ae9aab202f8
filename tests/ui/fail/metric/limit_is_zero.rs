// A limit of 0.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: { queue }, limit: 0 };
}

fn main() {}
