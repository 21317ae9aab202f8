// The body returns a future in place of its result.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", labels(outcome))]
async fn run() -> Result<u8, ()> {
    next()
}

async fn next() -> Result<u8, ()> {
    Ok(1)
}

fn main() {}
