// There is no such mode.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Gauge = "jobs_in_progress" { mode: sum };
}

fn main() {}
