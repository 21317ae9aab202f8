// The name of an info metric ends in `_info`.
use pytheus::metric;

metric! {
    /// What was built.
    static BUILD: Info = "build";
}

fn main() {}
