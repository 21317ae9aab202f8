// An error of the user keeps its line, in an async function.
use pytheus::gauge;

#[gauge(name = "jobs_in_progress", help = "Jobs that run.", track_inprogress)]
#[gauge(name = "last_job_timestamp_seconds", help = "When the last job ended.", set_to_current_time)]
async fn run(job: u8) -> u8 {
    let next: u8 = "one";
    next + job
}

fn main() {}
