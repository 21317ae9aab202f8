// A constant gives bounds that do not rise.
use pytheus::histogram;

const BOUNDS: [f64; 2] = [1.0, 0.5];

#[histogram(name = "job_seconds", help = "Time a job takes.", buckets = BOUNDS)]
fn run() {}

fn main() {}
