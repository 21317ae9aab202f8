// The pattern does not match what the function returns.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", on = Err(_))]
fn run() -> u8 {
    1
}

fn main() {}
