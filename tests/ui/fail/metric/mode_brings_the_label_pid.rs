// The label is that of the mode.
pytheus::metric! {
    /// Work.
    static WORK: Gauge = "work" { mode: per_process, labels: { pid, queue } };
}

fn main() {
    WORK.pid("1").queue("mail").set(1.0);
}
