// A label of the returned value and of an argument that the body takes.
fn main() {}

use pytheus::counter;

/// Jobs.
#[counter(name = "jobs_total", labels(size = ret.len() + queue.len()))]
fn run(queue: String) -> String {
    queue
}
