// A limit of 0.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", labels(queue = queue), limit = 0)]
fn run(queue: &str) {
    let _ = queue;
}

fn main() {}
