// An existing metric has its labels already.
use pytheus::counter;

pytheus::metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total";
}

#[counter(JOBS, labels(queue = "email"))]
fn run() {}

fn main() {}
