// An enum is no function.
use pytheus::gauge;

#[gauge(name = "jobs_in_progress", help = "Jobs that run.", track_inprogress)]
enum Job {}

fn main() {}
