// The registry is a static of another type.
use pytheus::counter;

static PRIVATE: bool = true;

#[counter(name = "jobs_total", help = "Jobs.", registry = PRIVATE)]
fn run() {}

fn main() {}
