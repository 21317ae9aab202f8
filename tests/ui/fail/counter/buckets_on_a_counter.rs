// Only a histogram has buckets.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", buckets = [1.0, 2.0])]
fn run() {}

fn main() {}
