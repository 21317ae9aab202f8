// What the function returns is not of its type.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", on = error)]
fn run() -> Result<u8, ()> {
    "one"
}

fn main() {}
