// A struct is no function.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.")]
struct Job;

fn main() {}
