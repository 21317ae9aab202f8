// A trait method without a body.
use pytheus::counter;

trait Job {
    #[counter(name = "jobs_total", help = "Jobs.")]
    fn run(&self);
}

fn main() {}
