// One of the three words is misspelt.
use pytheus::gauge;

#[gauge(name = "jobs_in_progress", help = "Jobs that run.", track_in_progress)]
fn run() {}

fn main() {}
