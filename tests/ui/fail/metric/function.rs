// A function is no metric.
use pytheus::metric;

metric! {
    /// Jobs.
    fn run() {}
}

fn main() {}
