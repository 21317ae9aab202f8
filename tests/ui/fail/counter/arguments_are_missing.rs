// There are no arguments at all.
use pytheus::counter;

#[counter]
fn run() {}

fn main() {}
