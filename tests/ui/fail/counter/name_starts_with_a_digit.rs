// A constant gives an invalid name.
use pytheus::counter;

const JOBS: &str = "9_jobs_total";

#[counter(name = JOBS, help = "Jobs.")]
fn run() {}

fn main() {}
