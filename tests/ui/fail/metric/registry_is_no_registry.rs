// The registry is a static of another type.
use pytheus::metric;

static PRIVATE: bool = true;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { registry: PRIVATE };
}

fn main() {}
