// An existing gauge has its mode already.
use pytheus::gauge;

pytheus::metric! {
    /// Jobs that run.
    static JOBS: Gauge = "jobs_in_progress";
}

#[gauge(JOBS, track_inprogress, mode = live_sum)]
fn run() {}

fn main() {}
