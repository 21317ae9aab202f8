// The states are strings.
use pytheus::metric;

metric! {
    /// The phase.
    static PHASE: StateSet<String> = "phase";
}

fn main() {}
