// A summary times anyway.
use pytheus::summary;

#[summary(name = "job_seconds", help = "Time a job takes.", time)]
fn run() {}

fn main() {}
