// The name has a character that Prometheus does not allow.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs.total";
}

fn main() {}
