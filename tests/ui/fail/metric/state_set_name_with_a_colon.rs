// The name of a state set is also that of a label.
use pytheus::metric;

#[derive(pytheus::LabelValue)]
enum Phase {
    Running,
    Waiting,
}

metric! {
    /// The phase.
    static PHASE: StateSet<Phase> = "job:phase";
}

fn main() {}
