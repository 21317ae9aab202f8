// A metric changes without `mut`.
use pytheus::metric;

metric! {
    /// Jobs.
    static mut JOBS: Counter = "jobs_total";
}

fn main() {}
