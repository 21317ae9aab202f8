// A label has a colon for its value.
use pytheus::summary;

#[summary(name = "job_seconds", help = "Time a job takes.", labels(queue: "email"))]
fn run() {}

fn main() {}
