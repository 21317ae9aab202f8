// Linear bounds that do not rise.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", buckets = linear(0.1, 0.0, 5))]
fn run() {}

fn main() {}
