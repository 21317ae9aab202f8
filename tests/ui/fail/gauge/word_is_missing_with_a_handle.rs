// None of the three words, for an existing gauge.
use pytheus::gauge;

pytheus::metric! {
    /// Jobs that run.
    static JOBS: Gauge = "jobs_in_progress";
}

#[gauge(JOBS)]
fn run() {}

fn main() {}
