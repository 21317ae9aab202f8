// A label names an argument that does not exist.
use pytheus::summary;

#[summary(name = "job_seconds", help = "Time a job takes.", labels(queue))]
fn run() {}

fn main() {}
