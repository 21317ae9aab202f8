// A semicolon is missing.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total"
    /// Jobs that wait.
    static QUEUE_DEPTH: Gauge = "queue_depth";
}

fn main() {}
