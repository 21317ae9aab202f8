// The metrics beside a mistake can be used.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { limit: "5", labels: { queue } };
    /// Time a job takes.
    static JOB_SECONDS: Histogram = "job_seconds";
    /// Jobs that wait.
    static QUEUE_DEPTH: Gauge = "queue_depth";
}

fn main() {
    JOBS.queue("email").inc();
    JOB_SECONDS.observe(1.0);
    QUEUE_DEPTH.set(1.0);
}
