// An argument that the body does not use is still unused.
#![deny(unused_variables)]

use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", labels(outcome))]
fn run(job: u8) -> Result<u8, ()> {
    Ok(1)
}

fn main() {
    let _ = run(1);
}
