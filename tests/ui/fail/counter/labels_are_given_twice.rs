// The labels are given in two options.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", labels(queue = "email"), labels(kind = "bulk"))]
fn run() {}

fn main() {}
