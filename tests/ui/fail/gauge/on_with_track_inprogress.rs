// What is in progress has no outcome yet.
use pytheus::gauge;

#[gauge(name = "jobs_in_progress", help = "Jobs that run.", track_inprogress, on = error)]
fn run() -> Result<(), ()> {
    Err(())
}

fn main() {}
