// A constant gives an invalid name.
use pytheus::metric;

const NAME: &str = "jobs total";

metric! {
    /// Jobs.
    static JOBS: Counter = NAME;
}

fn main() {}
