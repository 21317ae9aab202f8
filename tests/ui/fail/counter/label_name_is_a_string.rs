// A label name stands in quotes.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", labels("queue" = "email"))]
fn run() {}

fn main() {}
