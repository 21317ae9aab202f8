// Three mistakes are three errors.
use pytheus::gauge;

#[gauge(name = "jobs_in_progress", help = "Jobs that run.", track_inprogress, buckets = [1.0], colour = "red", on = error)]
fn run() {}

fn main() {}
