// A const fn can not track anything.
use pytheus::gauge;

#[gauge(name = "jobs_in_progress", help = "Jobs that run.", track_inprogress)]
const fn run() {}

fn main() {}
