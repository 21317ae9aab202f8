// The name is given twice.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", name = "tasks_total")]
fn run() {}

fn main() {}
