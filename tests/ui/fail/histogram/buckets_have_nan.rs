// A bound is no number.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", buckets = [0.1, f64::NAN])]
fn run() {}

fn main() {}
