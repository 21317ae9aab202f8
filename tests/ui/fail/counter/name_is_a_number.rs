// The name is a number.
use pytheus::counter;

#[counter(name = 5, help = "Jobs.")]
fn run() {}

fn main() {}
