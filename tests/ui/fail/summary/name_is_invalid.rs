// The name has a space.
use pytheus::summary;

#[summary(name = "job seconds", help = "Time a job takes.")]
fn run() {}

fn main() {}
