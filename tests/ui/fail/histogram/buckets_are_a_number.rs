// The bounds are one number.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", buckets = 0.5)]
fn run() {}

fn main() {}
