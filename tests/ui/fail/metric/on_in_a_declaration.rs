// `on` belongs to an attribute.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { on: error };
}

fn main() {}
