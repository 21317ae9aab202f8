// Only a histogram has buckets.
use pytheus::summary;

#[summary(name = "job_seconds", help = "Time a job takes.", buckets = [0.1, 0.5])]
fn run() {}

fn main() {}
