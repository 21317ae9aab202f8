// Only a gauge has a mode.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", mode = live_sum)]
fn run() {}

fn main() {}
