// The existing metric is a histogram.
use pytheus::summary;

pytheus::metric! {
    /// Time a job takes.
    static JOB_SECONDS: Histogram = "job_seconds";
}

#[summary(JOB_SECONDS)]
fn run() {}

fn main() {}
