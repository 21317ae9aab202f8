// The option `labels` is misspelt.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { label: { queue } };
}

fn main() {}
