// Only a histogram has buckets.
use pytheus::gauge;

#[gauge(name = "jobs_in_progress", help = "Jobs that run.", track_inprogress, buckets = [1.0, 2.0])]
fn run() {}

fn main() {}
