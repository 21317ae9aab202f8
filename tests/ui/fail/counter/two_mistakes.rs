// Two mistakes are two errors.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", mode = live_sum, colour = "red")]
fn run() {}

fn main() {}
