// `zero_series` is a string.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", labels(queue = queue), zero_series = "no")]
fn run(queue: &str) {
    let _ = queue;
}

fn main() {}
