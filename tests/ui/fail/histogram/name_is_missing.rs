// The name is missing.
use pytheus::histogram;

#[histogram(buckets = [0.1, 0.5])]
fn run() {}

fn main() {}
