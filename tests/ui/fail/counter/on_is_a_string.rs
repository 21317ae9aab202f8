// An outcome stands in quotes.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", on = "error")]
fn run() -> Result<(), ()> {
    Err(())
}

fn main() {}
