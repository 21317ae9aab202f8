// None of the three words that say what the gauge does.
use pytheus::gauge;

#[gauge(name = "jobs_in_progress", help = "Jobs that run.")]
fn run() {}

fn main() {}
