// The enum of the states does not exist.
use pytheus::metric;

metric! {
    /// The phase.
    static PHASE: StateSet<Phse> = "phase";
}

fn main() {}
