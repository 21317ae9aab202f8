// What an early return gives is not of the type.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", labels(outcome))]
fn run(job: u8) -> Result<u8, ()> {
    if job == 0 {
        return 0;
    }
    Ok(job)
}

fn main() {}
