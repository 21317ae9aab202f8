// A module is no function.
use pytheus::summary;

#[summary(name = "job_seconds", help = "Time a job takes.")]
mod jobs {}

fn main() {}
