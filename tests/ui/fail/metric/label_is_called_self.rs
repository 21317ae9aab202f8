// A label has a name that can not be a method.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: { self } };
}

fn main() {}
