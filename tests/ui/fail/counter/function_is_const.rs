// A const fn can not count.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.")]
const fn run() {}

fn main() {}
