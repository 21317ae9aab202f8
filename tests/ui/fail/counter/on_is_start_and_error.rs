// Every call, and errors on top.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", on = start | error)]
fn run() -> Result<(), ()> {
    Err(())
}

fn main() {}
