// The name has a character that Prometheus does not allow.
use pytheus::counter;

#[counter(name = "jobs-total", help = "Jobs.")]
fn run() {}

fn main() {}
