// `linear` takes a start, a width and a count.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", buckets = linear(0.1, 5))]
fn run() {}

fn main() {}
