// A lint of the user finds its line once.
#![deny(unused_variables)]

use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", labels(outcome))]
async fn run(job: u8) -> Result<u8, ()> {
    let next = job + 1;
    Ok(job)
}

fn main() {
    drop(run(1));
}
