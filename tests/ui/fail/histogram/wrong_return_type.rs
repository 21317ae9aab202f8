// What an async function returns is not of its type.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", labels(outcome))]
async fn run() -> Result<u8, ()> {
    "one"
}

fn main() {}
