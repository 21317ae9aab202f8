// The name does not end in the unit.
use pytheus::counter;

#[counter(name = "sent_total", help = "Bytes sent.", unit = "bytes")]
fn run() {}

fn main() {}
