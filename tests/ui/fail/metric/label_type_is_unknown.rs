// The type of a label does not exist.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: { kind: Knid } };
}

fn main() {}
