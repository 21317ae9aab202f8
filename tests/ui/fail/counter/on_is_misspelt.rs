// An outcome is misspelt.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", on = errors)]
fn run() -> Result<(), ()> {
    Err(())
}

fn main() {}
