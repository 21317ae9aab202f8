// The name stands where an existing metric goes.
use pytheus::counter;

#[counter("jobs_total")]
/// Jobs.
fn run() {}

fn main() {}
