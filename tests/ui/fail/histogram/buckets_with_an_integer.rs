// A bound is an integer.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", buckets = [0.5, 1])]
fn run() {}

fn main() {}
