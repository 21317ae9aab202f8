// The label is that of the mode.
use pytheus::gauge;

#[gauge(name = "busy", help = "Busy.", track_inprogress, mode = per_process, labels(pid = 1))]
fn work() {}

fn main() {
    work();
}
