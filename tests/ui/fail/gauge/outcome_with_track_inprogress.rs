// What is in progress has no outcome yet, as a label.
use pytheus::gauge;

#[gauge(name = "jobs_in_progress", help = "Jobs that run.", track_inprogress, labels(outcome))]
fn run() {}

fn main() {}
