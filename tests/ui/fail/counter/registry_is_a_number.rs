// A number is no registry.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", registry = 5)]
fn run() {}

fn main() {}
