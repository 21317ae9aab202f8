// The existing metric misses one of two labels.
use pytheus::histogram;

pytheus::metric! {
    /// Time a job takes.
    static JOB_SECONDS: Histogram = "job_seconds" { labels: { queue, kind } };
}

#[histogram(JOB_SECONDS.queue("email"))]
fn run() {}

fn main() {}
