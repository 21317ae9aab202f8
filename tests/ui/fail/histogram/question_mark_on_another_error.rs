// `?` on an error that does not convert.
use pytheus::histogram;

struct Other;
struct Failure;

#[histogram(name = "job_seconds", help = "Time a job takes.", labels(outcome))]
fn run(job: Result<u8, Other>) -> Result<u8, Failure> {
    Ok(job?)
}

fn main() {}
