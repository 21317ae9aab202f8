// The body returns nothing.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", labels(outcome))]
fn run() -> u8 {}

fn main() {}
