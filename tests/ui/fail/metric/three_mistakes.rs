// Three mistakes are three errors.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { mode: live_sum };
    /// Time a job takes.
    static JOB_SECONDS: Histogram = "job_seconds" { bucket: [0.1, 1.0] };
    static QUEUE_DEPTH: Gauge = "queue_depth";
}

fn main() {}
