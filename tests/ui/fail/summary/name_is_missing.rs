// The name is missing.
use pytheus::summary;

#[summary(help = "Time a job takes.")]
fn run() {}

fn main() {}
