// The labels are missing.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", labels)]
fn run() {}

fn main() {}
