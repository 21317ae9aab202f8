// A label name with a letter that Prometheus does not allow.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: { größe } };
}

fn main() {}
