// The default of a label is not of its type.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: { paid: bool = "yes" } };
}

fn main() {}
