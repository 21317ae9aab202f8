// The type of a label is a reference.
fn main() {}

use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: { queue: &str } };
}
