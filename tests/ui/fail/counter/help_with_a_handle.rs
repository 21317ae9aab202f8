// An existing metric has its help text already.
use pytheus::counter;

pytheus::metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total";
}

#[counter(JOBS, help = "Jobs.")]
fn run() {}

fn main() {}
