// Names with two underscores belong to Prometheus.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", labels(__queue = "email"))]
fn run() {}

fn main() {}
