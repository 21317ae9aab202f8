// The namespace is no name.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { namespace: "my app" };
}

fn main() {}
