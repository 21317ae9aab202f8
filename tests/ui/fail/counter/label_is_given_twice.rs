// A label is given twice.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", labels(queue = "email", kind = "bulk", queue = "sms"))]
fn run() {}

fn main() {}
