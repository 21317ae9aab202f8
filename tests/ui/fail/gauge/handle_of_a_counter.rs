// The existing metric is a counter.
use pytheus::gauge;

pytheus::metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total";
}

#[gauge(JOBS, track_inprogress)]
fn run() {}

fn main() {}
