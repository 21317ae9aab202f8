// Only a gauge has a mode.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOB_SECONDS: Histogram = "job_seconds" { mode: live_sum };
}

fn main() {}
