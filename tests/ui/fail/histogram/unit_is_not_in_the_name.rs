// The name does not end in the unit.
use pytheus::histogram;

#[histogram(name = "job_time", help = "Time a job takes.", unit = "seconds")]
fn run() {}

fn main() {}
