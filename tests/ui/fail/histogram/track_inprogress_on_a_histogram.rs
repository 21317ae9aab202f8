// Only a gauge tracks what is in progress.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", track_inprogress)]
fn run() {}

fn main() {}
