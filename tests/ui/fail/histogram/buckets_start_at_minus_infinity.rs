// Nothing falls into the first bucket.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", buckets = [f64::NEG_INFINITY, 1.0])]
fn run() {}

fn main() {}
