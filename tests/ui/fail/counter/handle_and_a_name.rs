// An existing metric and a name for a new one.
use pytheus::counter;

pytheus::metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total";
}

#[counter(JOBS, name = "jobs_total")]
fn run() {}

fn main() {}
