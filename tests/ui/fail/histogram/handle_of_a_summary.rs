// The existing metric is a summary.
use pytheus::histogram;

pytheus::metric! {
    /// Time a job takes.
    static JOB_SECONDS: Summary = "job_seconds";
}

#[histogram(JOB_SECONDS)]
fn run() {}

fn main() {}
