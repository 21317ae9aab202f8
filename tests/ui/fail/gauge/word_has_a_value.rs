// One of the three words has a value.
use pytheus::gauge;

#[gauge(name = "jobs_in_progress", help = "Jobs that run.", track_inprogress = true)]
fn run() {}

fn main() {}
