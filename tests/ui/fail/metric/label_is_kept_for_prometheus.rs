// Names with two underscores belong to Prometheus.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: { __queue } };
}

fn main() {}
