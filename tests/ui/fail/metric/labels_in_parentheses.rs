// Labels stand in braces.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: (queue) };
}

fn main() {}
