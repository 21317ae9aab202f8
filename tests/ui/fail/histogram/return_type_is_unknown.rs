// The type that the function returns does not exist.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", labels(outcome))]
async fn run() -> Result<Jbo, ()> {
    Err(())
}

fn main() {}
