// A plain function can not be cancelled.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", on = cancelled)]
fn run() {}

fn main() {}
