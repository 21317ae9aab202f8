// Only a histogram has buckets.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { buckets: [1.0, 2.0] };
}

fn main() {}
