// The value of a label is none: one error, where it is given.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: { queue } };
}

fn main() {
    JOBS.queue(1.5).inc();
}
