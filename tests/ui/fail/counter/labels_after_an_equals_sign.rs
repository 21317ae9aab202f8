// Labels stand in parentheses.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", labels = [queue])]
fn run() {}

fn main() {}
