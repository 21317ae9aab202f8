// A comma is missing.
use pytheus::counter;

#[counter(name = "jobs_total" help = "Jobs.")]
fn run() {}

fn main() {}
