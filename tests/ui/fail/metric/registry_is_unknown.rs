// The registry does not exist.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { registry: PRIVTE };
}

fn main() {}
