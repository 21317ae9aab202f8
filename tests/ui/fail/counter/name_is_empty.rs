// The name is empty.
use pytheus::counter;

#[counter(name = "", help = "Jobs.")]
fn run() {}

fn main() {}
