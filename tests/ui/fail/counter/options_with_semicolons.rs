// Options are separated by semicolons.
use pytheus::counter;

#[counter(name = "jobs_total"; help = "Jobs.")]
fn run() {}

fn main() {}
