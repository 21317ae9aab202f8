// Only a gauge tracks what is in progress.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", track_inprogress)]
fn run() {}

fn main() {}
