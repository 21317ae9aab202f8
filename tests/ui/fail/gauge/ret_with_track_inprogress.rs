// What is in progress has returned nothing yet.
use pytheus::gauge;

#[gauge(name = "jobs_in_progress", help = "Jobs that run.", track_inprogress, labels(code = ret))]
fn run() -> u16 {
    200
}

fn main() {}
