// The name has no value.
use pytheus::counter;

#[counter(name, help = "Jobs.")]
fn run() {}

fn main() {}
