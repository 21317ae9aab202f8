// Exponential bounds that do not rise.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", buckets = exponential(0.1, 1.0, 5))]
fn run() {}

fn main() {}
