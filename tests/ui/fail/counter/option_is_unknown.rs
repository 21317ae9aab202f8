// There is no such option.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", colour = "red")]
fn run() {}

fn main() {}
