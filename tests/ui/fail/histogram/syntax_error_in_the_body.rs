// The body is no Rust.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", labels(outcome))]
fn run() -> Result<u8, ()> {
    let next = ;
    Ok(next)
}

fn main() {}
