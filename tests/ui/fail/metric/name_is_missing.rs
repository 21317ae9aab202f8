// The name is missing.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter;
}

fn main() {}
