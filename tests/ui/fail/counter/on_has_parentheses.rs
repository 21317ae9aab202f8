// `on` takes an equals sign.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", on(error))]
fn run() -> Result<(), ()> {
    Err(())
}

fn main() {}
