// A condition with the word `error`, which has no value to ask.
fn main() {}

use pytheus::counter;

/// Jobs.
#[counter(name = "jobs_total", on = error if true)]
fn run() -> Result<(), ()> {
    Ok(())
}
