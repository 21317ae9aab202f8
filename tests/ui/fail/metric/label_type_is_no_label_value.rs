// The type of a label is no label value.
use pytheus::metric;

struct Job;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: { job: Job } };
}

fn main() {}
