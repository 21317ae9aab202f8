// There is no such mode.
use pytheus::gauge;

#[gauge(name = "jobs_in_progress", help = "Jobs that run.", track_inprogress, mode = average)]
fn run() {}

fn main() {}
