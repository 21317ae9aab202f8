// The unit is no word.
use pytheus::counter;

#[counter(name = "sent_bytes_total", help = "Bytes sent.", unit = "k bytes")]
fn run() {}

fn main() {}
