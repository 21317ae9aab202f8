// The body changes an argument that is not `mut`.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", labels(outcome))]
fn run(job: u8) -> Result<u8, ()> {
    job += 1;
    Ok(job)
}

fn main() {}
