// There is no bucket.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", buckets = [])]
fn run() {}

fn main() {}
