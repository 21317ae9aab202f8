// Neither a help text nor a doc comment.
use pytheus::counter;

#[counter(name = "jobs_total")]
fn run() {}

fn main() {}
