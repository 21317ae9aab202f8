// The name is missing.
use pytheus::counter;

#[counter(help = "Jobs.")]
fn run() {}

fn main() {}
