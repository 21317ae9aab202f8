// A mode is misspelt.
use pytheus::gauge;

#[gauge(name = "jobs_in_progress", help = "Jobs that run.", track_inprogress, mode = livesum)]
fn run() {}

fn main() {}
