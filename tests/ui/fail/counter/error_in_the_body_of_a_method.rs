// An error of the user keeps its line, in a method.
use pytheus::counter;

struct Job {
    size: u64,
}

impl Job {
    #[counter(name = "jobs_total", help = "Jobs.", on = error)]
    fn run(&self) -> Result<u64, ()> {
        Ok(self.sice)
    }
}

fn main() {}
