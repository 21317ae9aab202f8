// A static is declared in `metric!`.
use pytheus::summary;

#[summary(name = "job_seconds", help = "Time a job takes.")]
static JOB: u8 = 1;

fn main() {}
