// An error of the user keeps its line, in an async function with outcomes.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", labels(outcome))]
async fn run(job: u8) -> Result<u8, ()> {
    let next: u8 = "one";
    Ok(next + job)
}

fn main() {}
