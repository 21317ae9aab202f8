// The pattern names a variant that does not exist.
use pytheus::counter;

enum Failure {
    Timeout,
}

#[counter(name = "jobs_total", help = "Jobs.", on = Err(Failure::Timout))]
fn run() -> Result<(), Failure> {
    Err(Failure::Timeout)
}

fn main() {}
