// An impl block is no function.
use pytheus::counter;

struct Job;

#[counter(name = "jobs_total", help = "Jobs.")]
impl Job {
    fn run(&self) {}
}

fn main() {}
