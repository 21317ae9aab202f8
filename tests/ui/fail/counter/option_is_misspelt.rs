// The option `labels` is misspelt.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", lables(queue = "email"))]
fn run() {}

fn main() {}
