// The existing metric is a histogram.
use pytheus::counter;

pytheus::metric! {
    /// Time a job takes.
    static JOB_SECONDS: Histogram = "job_seconds";
}

#[counter(JOB_SECONDS)]
fn run() {}

fn main() {}
