// The unit is a number.
use pytheus::counter;

#[counter(name = "sent_bytes_total", help = "Bytes sent.", unit = 8)]
fn run() {}

fn main() {}
