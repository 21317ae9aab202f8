// The mode stands in quotes.
use pytheus::gauge;

#[gauge(name = "jobs_in_progress", help = "Jobs that run.", track_inprogress, mode = "live_sum")]
fn run() {}

fn main() {}
