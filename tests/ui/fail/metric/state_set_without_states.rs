// A state set without its states.
use pytheus::metric;

metric! {
    /// The phase.
    static PHASE: StateSet = "phase";
}

fn main() {}
