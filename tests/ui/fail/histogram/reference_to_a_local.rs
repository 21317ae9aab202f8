// The body returns a reference to what it owns.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", labels(outcome))]
fn run(job: &str) -> Result<&str, ()> {
    let name = job.to_string();
    Ok(&name)
}

fn main() {}
