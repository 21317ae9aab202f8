// The type of a label is a parameter of the function.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", labels(kind: K = kind))]
fn run<K: pytheus::LabelValue>(kind: K) {
    let _ = kind;
}

fn main() {}
