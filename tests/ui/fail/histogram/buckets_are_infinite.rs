// There is no finite bucket.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", buckets = [f64::INFINITY])]
fn run() {}

fn main() {}
