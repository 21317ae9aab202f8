// An argument that only the attribute uses, and a mistake in the attribute: there is no warning beside the error.
#![deny(unused)]
fn main() {
    run("email");
}

use pytheus::counter;

/// Jobs.
#[counter(name = "jobs_total", labels(queue), colour = "red")]
fn run(queue: &str) {}
