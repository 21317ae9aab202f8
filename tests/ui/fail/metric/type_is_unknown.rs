// There is no such type of metric.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Meter = "jobs_total";
}

fn main() {}
