// The option `name` is misspelt.
use pytheus::counter;

#[counter(nmae = "jobs_total", help = "Jobs.")]
fn run() {}

fn main() {}
