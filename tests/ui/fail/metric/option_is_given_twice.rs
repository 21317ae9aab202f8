// An option is given twice.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: { queue }, limit: 5, limit: 6 };
}

fn main() {}
