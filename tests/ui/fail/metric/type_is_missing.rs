// The type is missing.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS = "jobs_total";
}

fn main() {}
