// An option has a colon, as in `metric!`.
use pytheus::counter;

#[counter(name: "jobs_total", help = "Jobs.")]
fn run() {}

fn main() {}
