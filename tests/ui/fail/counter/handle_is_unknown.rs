// The existing metric does not exist.
use pytheus::counter;

#[counter(JOBS)]
fn run() {}

fn main() {}
