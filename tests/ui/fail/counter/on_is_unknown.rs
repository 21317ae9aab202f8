// There is no such outcome.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", on = sometimes)]
fn run() {}

fn main() {}
