// The namespace is a number.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", namespace = 1)]
fn run() {}

fn main() {}
