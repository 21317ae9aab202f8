// Two mistakes that the compiler finds are two errors.
use pytheus::counter;

#[counter(name = "jobs-total", help = "Jobs.", labels(__queue = "email"))]
fn run() {}

fn main() {}
