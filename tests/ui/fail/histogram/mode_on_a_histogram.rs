// Only a gauge has a mode.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", mode = most_recent)]
fn run() {}

fn main() {}
