// A label has the name under which the states stand.
use pytheus::metric;

#[derive(pytheus::LabelValue)]
enum Phase {
    Running,
    Waiting,
}

metric! {
    /// The phase.
    static PHASE: StateSet<Phase> = "phase" { labels: { phase } };
}

fn main() {}
