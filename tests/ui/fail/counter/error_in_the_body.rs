// An error of the user keeps its line.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.")]
#[counter(name = "job_errors_total", help = "Jobs that failed.", on = error)]
fn run(job: u8) -> Result<u8, ()> {
    let next: u8 = "one";
    Ok(next + job)
}

fn main() {}
