// `none` stands in quotes.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", registry = "none")]
fn run() {}

fn main() {}
