// The path of the crate stands in quotes.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", crate = "pytheus")]
fn run() {}

fn main() {}
