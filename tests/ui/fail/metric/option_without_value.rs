// An option has no value.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { limit };
}

fn main() {}
