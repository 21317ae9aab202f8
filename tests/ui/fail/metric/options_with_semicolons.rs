// Options are separated by semicolons.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: { queue }; limit: 5 };
}

fn main() {}
