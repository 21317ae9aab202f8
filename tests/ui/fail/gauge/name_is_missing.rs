// The name is missing.
use pytheus::gauge;

#[gauge(help = "Jobs that run.", track_inprogress)]
fn run() {}

fn main() {}
