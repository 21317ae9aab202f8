// A label name with a letter that Prometheus does not allow.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", labels(größe = "10"))]
fn run() {}

fn main() {}
