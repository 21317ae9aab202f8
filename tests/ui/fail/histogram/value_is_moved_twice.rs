// The body moves an argument twice.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", labels(outcome))]
fn run(job: String) -> Result<(), ()> {
    drop(job);
    drop(job);
    Ok(())
}

fn main() {}
