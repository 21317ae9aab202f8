// The name is a number.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = 5;
}

fn main() {}
