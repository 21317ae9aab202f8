// An existing histogram has its unit already.
use pytheus::histogram;

pytheus::metric! {
    /// Time a job takes.
    static JOB_SECONDS: Histogram = "job_seconds";
}

#[histogram(JOB_SECONDS, unit = "seconds")]
fn run() {}

fn main() {}
