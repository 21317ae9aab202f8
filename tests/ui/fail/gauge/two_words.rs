// Two of the three words.
use pytheus::gauge;

#[gauge(name = "jobs_in_progress", help = "Jobs that run.", track_inprogress, time)]
fn run() {}

fn main() {}
