// The option `namespace` is misspelt.
use pytheus::summary;

#[summary(name = "job_seconds", help = "Time a job takes.", namespce = "app")]
fn run() {}

fn main() {}
