// What the function returns is not of its type.
use pytheus::summary;

#[summary(name = "job_seconds", help = "Time a job takes.")]
fn run() -> u8 {
    "one"
}

fn main() {}
