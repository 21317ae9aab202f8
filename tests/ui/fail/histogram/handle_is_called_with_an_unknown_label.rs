// The existing metric has no such label.
use pytheus::histogram;

pytheus::metric! {
    /// Time a job takes.
    static JOB_SECONDS: Histogram = "job_seconds" { labels: { queue } };
}

#[histogram(JOB_SECONDS.kind("bulk"))]
fn run() {}

fn main() {}
