// The limit is a string.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", labels(queue = queue), limit = "5")]
fn run(queue: &str) {
    let _ = queue;
}

fn main() {}
