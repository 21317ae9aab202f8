// The namespace is no name.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", namespace = "my-app")]
fn run() {}

fn main() {}
