// The built-in label and one of the same name.
use pytheus::summary;

#[summary(name = "job_seconds", help = "Time a job takes.", labels(outcome, outcome = "good"))]
fn run() {}

fn main() {}
