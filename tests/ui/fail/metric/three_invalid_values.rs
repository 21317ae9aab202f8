// Three values that the compiler finds invalid are three errors.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs-total" { labels: { __queue }, limit: 0 };
}

fn main() {}
