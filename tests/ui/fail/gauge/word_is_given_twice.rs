// One of the three words is given twice.
use pytheus::gauge;

#[gauge(name = "jobs_in_progress", help = "Jobs that run.", time, time)]
fn run() {}

fn main() {}
