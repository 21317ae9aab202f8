// The bounds are a string.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", buckets = "0.1, 0.5")]
fn run() {}

fn main() {}
