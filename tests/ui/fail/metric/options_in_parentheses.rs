// Options stand in braces.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" (limit: 5);
}

fn main() {}
