// A label has a name that can not be a method.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", labels(self = "me"))]
fn run() {}

fn main() {}
