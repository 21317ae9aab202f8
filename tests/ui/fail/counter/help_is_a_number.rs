// The help text is a number.
use pytheus::counter;

#[counter(name = "jobs_total", help = 3)]
fn run() {}

fn main() {}
