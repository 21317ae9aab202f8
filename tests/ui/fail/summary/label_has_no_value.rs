// A label has an equals sign and no value.
use pytheus::summary;

#[summary(name = "job_seconds", help = "Time a job takes.", labels(queue = ))]
fn run() {}

fn main() {}
