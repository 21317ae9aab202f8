// A metric is a static.
use pytheus::metric;

metric! {
    /// Jobs.
    const JOBS: Counter = "jobs_total";
}

fn main() {}
