// A label is given twice.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: { queue, kind, queue = "email" } };
}

fn main() {}
