// The name stands after the equals sign.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { name: "jobs_total" };
}

fn main() {}
