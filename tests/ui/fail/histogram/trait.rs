// A trait is no function.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.")]
trait Job {
    fn run(&self) {}
}

fn main() {}
