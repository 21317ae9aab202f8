// The bounds do not rise.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", buckets = [0.5, 0.1, 1.0])]
fn run() {}

fn main() {}
