// The arguments are empty.
use pytheus::counter;

#[counter()]
fn run() {}

fn main() {}
